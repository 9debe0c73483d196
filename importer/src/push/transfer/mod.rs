/*! How the bytes of a bundle come to the registry: from a [file] at will, from a [pipe] once. */

pub mod file;
pub mod pipe;
mod replay_window;
pub mod source;
