/*!
What registries and media may do to harm, and what must come of it: one clear sentence, the right exit code, nothing under
a final name, no tag, and no more memory than ever.
*/

mod bundles;
mod heads;
mod source;
mod target;
