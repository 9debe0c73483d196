/*!
The programs as their users meet them, run as processes. One test binary: it is linked once.
*/

mod support;

// What is promised, on real components.
mod demo;
mod end_to_end;
mod recipe;

// The bytes of a bundle, and what happens when one of them is another.
mod format;
mod tamper;
