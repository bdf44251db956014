//! The program as its users run it: started, killed, stopped, and told wrong things.

mod campaign;
mod console;
mod crash;
mod erase;
mod exits;
mod expect;
mod import;
mod listeners;
mod looking;
mod operate;
mod privacy;
mod rotation;
mod start;
mod supervisor;
mod traces;
mod watch;
