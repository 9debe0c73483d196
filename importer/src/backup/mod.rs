/*!
What clusters were before an apply changed them, in a directory, so that it can be brought back.

```text
DIR/<cluster>/backup.json        what was saved, and of which cluster
DIR/<cluster>/objects/0001.json  each object as the server gave it
```

A cluster's directory has its name only when it is whole and on the disk, and the cluster is changed after that: where there is
none, nothing was changed.
*/

mod directory;
mod record;
mod save;

pub use directory::{Backup, BackupDirectory, BackupOptions};
pub use record::{ClusterBackup, Saved, SavedObject};
pub(crate) use save::save;
