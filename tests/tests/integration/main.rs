/*!
The two programs, run as operators run them, against registries that are watched from within.

One binary for all of it, so that the harness is linked once.
*/

mod hostile; // what registries and media do to harm, and what must not come of it
mod interrupted; // killed at any moment, run again
mod support;
mod words; // the command line: names, wrong input, keys, secrets, output
