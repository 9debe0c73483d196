/*! One file: new, growing over several runs, or replaced as a whole. */

pub(crate) mod fresh;
mod growing;
mod replace;

pub use fresh::Fresh;
pub use growing::Growing;
pub use replace::replace;
