/*!
The command line as people meet it: what they may call things, what they get wrong, and what they are told.

Every wrong input here gets one sentence (what, where, expected, found, what to do) and the exit code of its kind.
*/

mod input;
mod keys;
mod missing;
mod names;
mod network;
mod output;
mod safe;
mod variables;
