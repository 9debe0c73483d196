/*!
What a reader refuses in an index though it is signed: every rule broken in turn, and every other spelling of one index.
*/

use anyhow::Result;
use schema::bundle::{Error, FORMAT, Index};

use super::{broken::rules, golden_index, resealed, spellings::spellings};

#[test]
fn a_signed_index_must_still_keep_the_rules() -> Result<()> {
    let (index, _) = golden_index()?;
    Index::parse(&resealed(index.clone(), |_| ())?)?;
    for (rule, reason, change) in rules() {
        let bytes = resealed(index.clone(), change)?;
        let parsed = Index::parse(&bytes);
        assert!(
            matches!(&parsed, Err(Error::Invalid(said)) if said.contains(reason)),
            "{rule}: {parsed:?}"
        );
    }
    // Not mended: SHA256SUMS that does not list what is there.
    let mut unmended = index;
    unmended.files.pop();
    unmended.objects.clear();
    assert!(matches!(
        Index::parse(&unmended.to_bytes()?),
        Err(Error::Invalid(_))
    ));
    Ok(())
}

#[test]
fn one_index_has_one_spelling() -> Result<()> {
    let text = String::from_utf8(golden_index()?.0.to_bytes()?)?;
    Index::parse(text.as_bytes())?;
    for (what, spelling) in spellings()? {
        assert_ne!(spelling, text, "{what} changes nothing");
        let parsed = Index::parse(spelling.as_bytes());
        assert!(
            matches!(parsed, Err(Error::Invalid(_))),
            "{what}: {parsed:?}"
        );
    }
    let version = Index::parse(text.replacen(FORMAT, "offline-bundle/v2", 1).as_bytes());
    assert!(matches!(version, Err(Error::Version(_))), "{version:?}");
    Ok(())
}
