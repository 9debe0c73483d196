/*!
The programs as their users meet them. One test binary: they are built once and linked once.
*/

mod support;

// What is promised, on real components.
mod end_to_end;
mod recipe;

// The bytes of a bundle, and what happens when one of them is another.
mod format;
mod tamper;
