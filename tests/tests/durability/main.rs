//! What was acknowledged stays, and nothing else is taken for an object: kills, failing
//! disks, broken sources, upgrades.

mod bit_rot;
mod crash;
mod disk_faults;
mod interrupted_transfers;
mod linearizable;
mod released_versions;
mod stream_endings;
