/*!
Whether fakes and samples are like what they imitate, and faults do what they say.

A lenient fake would let a broken client pass every test, and a fault that does nothing makes every test of resilience
pass: so these are the only tests of the harness itself.
*/

mod api_server;
mod faults;
mod images;
mod registry;
