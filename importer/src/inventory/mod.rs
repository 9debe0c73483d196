/*!
What bundles of a series have applied to a cluster: a label on each object, and a ConfigMap that lists them, so that what a later
bundle no longer has is known and can be removed.

The list is written before the first change, with what is new added, and again when something of it is gone: a run that was
killed forgets nothing.
*/

mod keep;
mod prune;
mod record;
mod series;

pub(crate) use keep::Known;
pub use record::{Entry, Inventory, InventoryOptions};
pub use series::{LABEL, Series};
