/*! Stub. */
fn main() {}
