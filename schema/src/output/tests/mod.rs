/*! What holds whatever a killed run left, and whatever a name is. Other users of the machine are in the integration tests. */

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use proptest::prelude::*;

use super::{Destination, Error, Fresh, Growing, Tree, replace};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A run that wrote two files and a link, and was killed.
fn left(target: &Path) -> Result<()> {
    let tree = Tree::open(target)?;
    tree.write("config/a.yaml", b"a", false)?;
    tree.write("v2/shop/blobs/b", b"b", true)?;
    tree.symlink("b", "v2/shop/blobs/tag")?;
    Ok(())
}

#[test]
fn wherever_the_list_of_a_killed_run_ends_nothing_is_lost_and_nothing_else_is_trusted() -> Result<()>
{
    let desk = tempfile::tempdir()?;
    let target = desk.path().join("d");
    let list = desk
        .path()
        .join("d.partial")
        .join(super::directory::journal::NAME);
    left(&target)?;
    let whole = fs::read(&list)?;
    for cut in 0..=whole.len() {
        fs::write(&list, &whole[..cut])?;
        let reopened = Tree::open(&target);
        // A file is made after its line: with a line that is cut, there would be no file yet.
        assert_eq!(reopened.is_ok(), cut == whole.len(), "cut at {cut}");
        if let Err(error) = reopened {
            let named = matches!(&error, Error::Refused { path, .. } if path.exists());
            assert!(named, "cut at {cut}: {error}");
        }
        assert_eq!(fs::read(desk.path().join("d.partial/config/a.yaml"))?, b"a");
    }
    Tree::open(&target)?.clear()?;
    assert_eq!(fs::read_dir(desk.path().join("d.partial"))?.count(), 1);
    Tree::open(&target)?.finish()?;
    assert_eq!(fs::read_dir(&target)?.count(), 0);
    Ok(())
}

#[test]
fn what_grows_is_closed_to_others_and_open_when_it_is_whole() -> Result<()> {
    let desk = tempfile::tempdir()?;
    let mode = |path: &str| -> Result<u32> {
        Ok(fs::symlink_metadata(desk.path().join(path))?
            .permissions()
            .mode()
            & 0o777)
    };
    let target = desk.path().join("d");
    left(&target)?;
    assert_eq!(
        (mode("d.partial")?, mode("d.partial/v2/shop/blobs/b")?),
        (0o700, 0o600)
    );
    Tree::open(&target)?.finish()?;
    assert_eq!(mode("d")?, super::masked(0o755));
    let path = desk.path().join("x.tar");
    let Destination::File(place) = Destination::resolve(&path)? else {
        return Err("a free name is a file".into());
    };
    let mut growing = Growing::open(place, b"bundle.json\0")?;
    growing.file().write_all(b"bundle.json\0 and so on")?;
    assert_eq!(mode(".x.tar.partial")?, 0o600);
    growing.commit(0o666)?;
    assert_eq!(mode("x.tar")?, super::masked(0o666));
    // What is replaced has told who may read it; but nobody else may write to it, and what is private stays so.
    for (found, default, kept) in [
        (0o640, 0o666, 0o640),
        (0o666, 0o666, 0o644),
        (0o640, 0o600, 0o600),
    ] {
        fs::set_permissions(&path, fs::Permissions::from_mode(found))?;
        replace(&Destination::resolve(&path)?, b"short", default)?;
        assert_eq!(
            (mode("x.tar")?, fs::read(&path)?),
            (kept, b"short".to_vec())
        );
    }
    Ok(())
}

#[test]
fn what_a_file_system_cannot_do_is_called_that() {
    use rustix::io::Errno;
    let told = |made: bool, errno: Errno| {
        let error = errno.into();
        match made {
            true => Error::of_making("d.partial/v2/sha256:0", error).to_string(),
            false => Error::of("x.tar", error).to_string(),
        }
    };
    // A ':' in a name on FAT, links there, and more links than ext4 has.
    for errno in [Errno::INVAL, Errno::PERM, Errno::MLINK] {
        let told = told(true, errno);
        assert!(
            told.contains("sha256:0") && told.contains("FAT, exFAT and NTFS"),
            "{told}"
        );
    }
    for made in [true, false] {
        assert!(told(made, Errno::FBIG).contains("FAT: 4 GiB"));
        assert!(told(made, Errno::NOSPC).contains("free some space"));
        assert!(told(made, Errno::DQUOT).contains("quota"));
        assert!(told(made, Errno::ACCESS).contains("Permission denied"));
    }
}

#[test]
fn a_new_file_that_is_not_kept_is_gone_and_no_other() -> Result<()> {
    let desk = tempfile::tempdir()?;
    let path = desk.path().join("k");
    drop(Fresh::create(&path, 0o600)?);
    assert!(!path.exists());
    let fresh = Fresh::create(&path, 0o600)?;
    fs::remove_file(&path)?;
    fs::write(&path, "of somebody else")?;
    drop(fresh);
    assert_eq!(fs::read_to_string(&path)?, "of somebody else");
    symlink("nowhere", desk.path().join("dangling"))?;
    let dangling = Fresh::create(&desk.path().join("dangling"), 0o600);
    assert!(
        matches!(&dangling, Err(Error::Refused { path, .. }) if path.ends_with("dangling")),
        "{dangling:?}"
    );
    assert!(!desk.path().join("nowhere").exists());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No name leads out of the directory, or to the list.
    #[test]
    fn names_stay_inside(name in "(\\.|\\.\\.|a|/|b|\n|~|\\.unfinished~){1,6}") {
        let desk = tempfile::tempdir()?;
        let target = desk.path().join("in/d");
        let tree = Tree::open(&target).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let safe = name.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\n'));
        let made = tree.write(&name, b"x", false);
        prop_assert_eq!(made.is_ok(), safe && !name.starts_with(".unfinished~/") && name != ".unfinished~");
        prop_assert_eq!(fs::read_dir(desk.path())?.count(), 1);
        prop_assert_eq!(fs::read_dir(desk.path().join("in"))?.count(), 1);
        drop(tree);
        prop_assert!(Tree::open(&target).is_ok(), "the next run knows {name:?} for its own");
    }
}
