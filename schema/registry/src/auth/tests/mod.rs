/*! Credential files, and logging in against servers that hand out tokens. */

mod authfile;
pub(crate) mod login;
