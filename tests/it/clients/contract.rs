//! `messaging proto`, `completions` and `man`: written by the program alone, and good for those who read them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use messaging::proto::{DESCRIPTORS, SERVICE_CONFIG};
use prost::Message as _;
use prost_reflect::prost_types::{FileDescriptorProto, FileDescriptorSet};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::{server, succeed, tool};
use crate::support::files;
use crate::support::program::{failed, messaging, printed};

/// A configuration that every other command stumbles over.
const WRONG: [(&str, &str); 3] =
    [("DATABASE_URL", "nonsense"), ("GRPC_ADDR", "nonsense"), ("JWT_SECRET_FILE", "/nonexistent")];

/// The names of all files under a folder, from there.
fn names(folder: &Path) -> BTreeSet<String> {
    let name = |path: std::path::PathBuf| path.strip_prefix(folder).unwrap().display().to_string();
    files::under(folder).into_iter().map(name).collect()
}

#[test]
fn the_files_that_the_program_writes_are_the_contract_and_compile() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("made/for/this");
    printed(&["proto", "--out", out.to_str().unwrap()], &WRONG);
    let mut wanted = names(&files::root().join("proto"));
    wanted.retain(|name| Path::new(name).extension().is_some_and(|e| e == "proto"));
    assert_eq!(names(&out), wanted);
    for name in wanted {
        assert_eq!(std::fs::read(out.join(&name)).unwrap(), files::read(&format!("proto/{name}")).into_bytes());
    }
    let built = directory.path().join("built.binpb");
    succeed(Command::new(tool("BUF")).args(["build", out.to_str().unwrap(), "-o", built.to_str().unwrap()]));
    let built = FileDescriptorSet::decode(std::fs::read(built).unwrap().as_slice()).unwrap();
    let ours = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let of = |set: &FileDescriptorSet| -> BTreeSet<String> { set.file.iter().map(|f| f.name().to_owned()).collect() };
    assert_eq!(of(&built), of(&ours));
}

#[test]
fn what_is_written_goes_to_a_file_or_to_standard_output_or_says_why_not() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("set.binpb");
    printed(&["proto", "--descriptors", file.to_str().unwrap()], &WRONG);
    assert_eq!(std::fs::read(&file).unwrap(), DESCRIPTORS);
    assert_eq!(messaging(&["proto", "--descriptors", "-"], &WRONG).output().unwrap().stdout, DESCRIPTORS);
    assert_eq!(printed(&["proto", "--service-config", "-"], &WRONG), SERVICE_CONFIG.trim());
    let under_a_file = file.join("x").display().to_string();
    for form in ["--out", "--descriptors", "--service-config"] {
        let said = failed(&["proto", form, &under_a_file], &[], 1);
        assert!(said.contains(&under_a_file), "{said}");
    }
    let nothing = messaging(&["proto"], &[]).output().unwrap();
    assert_eq!(nothing.status.code(), Some(2), "one of them has to be asked for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_descriptor_set_is_what_reflection_serves() {
    let (_directory, server, _) = tokio::task::spawn_blocking(server).await.unwrap();
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", server.address("grpc"))).unwrap();
    let mut reflection = ServerReflectionClient::new(endpoint.connect().await.unwrap());
    let ours = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    assert!(ours.file.len() > 7);
    for file in ours.file {
        let question = MessageRequest::FileByFilename(file.name().to_owned());
        let question = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
        let mut answers = reflection.server_reflection_info(tokio_stream::once(question)).await.unwrap().into_inner();
        let answer = answers.message().await.unwrap().unwrap().message_response;
        let Some(MessageResponse::FileDescriptorResponse(answer)) = answer else { panic!("{}", file.name()) };
        let served = FileDescriptorProto::decode(answer.file_descriptor_proto[0].as_slice()).unwrap();
        assert!(served == file, "reflection serves another {}", file.name());
    }
}

#[test]
fn every_shell_gets_completions_of_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let text = printed(&["completions", shell], &WRONG);
        for word in ["send-many", "campaign", "rotate-secret"] {
            assert!(text.contains(word), "{shell} does not know {word}");
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("complete.sh");
    let asks =
        "COMP_WORDS=(messaging camp) COMP_CWORD=1\n_messaging messaging camp messaging\necho \"${COMPREPLY[@]}\"\n";
    std::fs::write(&script, format!("{}\n{asks}", printed(&["completions", "bash"], &[]))).unwrap();
    assert_eq!(succeed(Command::new("bash").arg(script)).trim(), "campaign");
}

#[test]
fn every_command_has_a_page_of_the_manual() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("man1");
    printed(&["man", "--out", out.to_str().unwrap()], &WRONG);
    let pages = names(&out);
    for page in ["messaging.1", "messaging-send.1", "messaging-campaign-add.1", "messaging-proto.1"] {
        assert!(pages.contains(page), "{pages:?}");
    }
    let send = std::fs::read_to_string(out.join("messaging-send.1")).unwrap();
    assert!(send.starts_with(".ie") || send.contains(".TH"), "{send}");
    assert!(send.contains("supersede"), "{send}");
}
