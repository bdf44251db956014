//! Which database a test runs on, and how each test becomes two.

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// Makes two tests of each function, `sqlite::name` and `postgres::name`. A function gets what the constructor makes of its
/// database's [`Kind`]. The functions are named, or written down here:
///
/// ```text
/// on_both_databases![Rig::on => a_test, another_test];
/// on_both_databases! { TestApp::start => async fn a_test(app) { … } }
/// ```
macro_rules! on_both_databases {
    ($rig:ident::$constructor:ident => $($(#[doc = $doc:literal])* async fn $name:ident($argument:ident) $body:block)+) => {
        mod body {
            use super::*;
            $($(#[doc = $doc])* pub async fn $name($argument: $rig) $body)+
        }
        crate::support::database::on_both_databases!(@ $rig::$constructor => $($name)+);
    };
    ($constructor:path => $($name:ident),+ $(,)?) => {
        mod body {
            pub(super) use super::{$($name),+};
        }
        crate::support::database::on_both_databases!(@ $constructor => $($name)+);
    };
    (@ $constructor:path => $($name:ident)+) => {
        crate::support::database::on_both_databases!(@ sqlite Sqlite $constructor => $($name)+);
        crate::support::database::on_both_databases!(@ postgres Postgres $constructor => $($name)+);
    };
    (@ $module:ident $kind:ident $constructor:path => $($name:ident)+) => {
        mod $module {
            #[allow(unused_imports, reason = "the constructor may be named by its whole path")]
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::body::$name($constructor(crate::support::database::Kind::$kind).await).await;
            })+
        }
    };
}
pub(crate) use on_both_databases;
