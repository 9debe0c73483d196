/*!
What registries and media may do to harm, and what must come of it: one clear sentence, the right exit code, nothing under
a final name, no tag, and no more memory than ever.
*/

mod attachments;
mod bundles;
mod heads;
mod refusing;
mod source;
mod target;
