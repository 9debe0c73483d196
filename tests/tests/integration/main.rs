/*!
What users would notice, shown with the real programs as processes. One binary, so that it is linked once.
*/

// The newcomer's command.
mod demo;
