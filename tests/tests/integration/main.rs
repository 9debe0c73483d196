/*!
The programs as their users meet them, run as processes. One test binary: it is linked once.
*/

mod desk;
mod outcome;
mod tape;

// What is promised, on real components.
mod demo;
mod end_to_end;
mod foreign;
mod openshift;
mod recipe;
mod requests;

// OpenShift releases, on the air-gapped side.
mod openshift_import;

// Clusters, real ones and many; and what kubectl reads.
mod clusters;
mod readers;

// The bytes of a bundle, and what happens when one of them is another; and of everything else that others write.
mod format;
mod parsers;
mod tamper;

// The way to registries, as Go's programs go it.
mod network;

// What registries and media do to harm, what an interruption leaves, and what is said.
mod hostile;
mod interrupted;
mod shared_machine;
mod troubles;
mod volumes;
mod words;

// The fakes and what is made here, beside what they imitate: a fault in them would hide one in the programs.
mod fidelity;
