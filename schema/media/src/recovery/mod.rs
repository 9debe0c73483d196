/*!
Damage that is repaired from parity, at the reader's side of the gap and without anybody's help.

Reed–Solomon over GF(2^16), stripe by stripe; see [`Layout`]. It needs no trust: what it restores is compared with the signed index
as everything else is.
*/

mod files;
mod layout;
mod protect;
mod repair;

#[cfg(test)]
mod tests;

pub use files::{beside, make, names};
pub use layout::{CELL, Cell, FORMAT, Layout, Rate};
pub use protect::protect;
pub use repair::Repairing;
