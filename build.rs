//! Compiles `proto/` to Rust with protox, so that no `protoc` is needed, and embeds the SQL migrations' change tracking.

use prost::Message as _;
use std::path::PathBuf;

const FILES: [&str; 11] = [
    "messaging/v1/options.proto",
    "messaging/v1/message.proto",
    "messaging/v1/messaging.proto",
    "messaging/v1/campaign.proto",
    "messaging/v1/inbound.proto",
    "messaging/v1/operating.proto",
    "messaging/v1/users.proto",
    "messaging/v1/fleet.proto",
    "messaging/v1/numbers.proto",
    "messaging/v1/admin.proto",
    "messaging/v1/webhooks.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=docs");
    println!("cargo:rerun-if-changed=clients");
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=migrations");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);

    // The source info carries the comments, which reflection then serves as the manual.
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(FILES)?;
    let descriptors = compiler.encode_file_descriptor_set();
    std::fs::write(out.join("descriptors.bin"), &descriptors)?;

    // The HTTP API finds a message's descriptor by its name.
    let mut names = tonic_prost_build::Config::new();
    names.enable_type_names();
    // Maps in the order of their keys: equal messages are equal JSON.
    names.btree_map([".messaging.v1"]);
    // The other variant is a tenth of it.
    names.boxed(".messaging.v1.SendManyResponse.result.sent");
    let set = tonic_prost_build::FileDescriptorSet::decode(descriptors.as_slice())?;
    std::fs::write(out.join("methods.rs"), methods(&set))?;
    std::fs::write(out.join("sources.rs"), sources(&set)?)?;
    tonic_prost_build::configure()
        .extern_path(".google.protobuf", "::pbjson_types")
        .extern_path(".google.rpc", "crate::proto::rpc")
        .compile_well_known_types(true)
        .compile_fds_with_config(set, names)?;
    count_fields(&out.join("messaging.v1.rs"))?;
    std::fs::write(out.join("pages.rs"), pages()?)?;
    let mut json = pbjson_build::Builder::new();
    json.register_descriptors(&descriptors)?.btree_map([".messaging.v1"]).build(&[".messaging.v1"])?;
    Ok(())
}

/// Has the generated code read messages by a codec of ours, which its generator has no setting for.
fn count_fields(generated: &std::path::Path) -> std::io::Result<()> {
    let code = std::fs::read_to_string(generated)?;
    let (theirs, ours) = ("tonic_prost::ProstCodec::default()", "crate::proto::codec::Counted::default()");
    assert!(code.contains(theirs), "the generator names its codec otherwise");
    std::fs::write(generated, code.replace(theirs, ours))
}

/// The paths of our services' methods, as a constant.
fn methods(set: &tonic_prost_build::FileDescriptorSet) -> String {
    let mut paths = Vec::new();
    for file in set.file.iter().filter(|file| file.package() == "messaging.v1") {
        for service in &file.service {
            let path = |method: &str| format!("messaging.v1.{}/{method}", service.name());
            paths.extend(service.method.iter().map(|method| path(method.name())));
        }
    }
    let doc = "/// The path of every RPC, such as `messaging.v1.MessagingService/SendSingle`.";
    format!("{doc}\npub const METHODS: &[&str] = &{paths:?};\n")
}

/// The files of the contract that every compiler needs to be given, as a constant: what is Google's and comes with all of them is left out.
fn sources(set: &tonic_prost_build::FileDescriptorSet) -> std::io::Result<String> {
    let root = PathBuf::from("proto").canonicalize()?;
    let names = set.file.iter().filter_map(|file| file.name.as_deref());
    let files = names.filter(|name| !name.starts_with("google/protobuf/")).map(|name| {
        let path = root.join(name).display().to_string();
        format!("({name:?}, include_str!({path:?}))")
    });
    let doc = "/// The contract's files, each with its path and its text.";
    Ok(format!("{doc}\npub const SOURCES: &[(&str, &str)] = &[{}];\n", files.collect::<Vec<_>>().join(", ")))
}

/// The folders of the manual, and which files of each belong to it: the pages, and the programs that they tell to copy.
const MANUAL: [(&str, &[&str]); 5] = [
    ("docs", &["md"]),
    ("docs/clients", &["py", "cjs", "rs", "sh", "js"]),
    ("clients/python", &["py"]),
    ("clients/node", &["mjs"]),
    ("clients/rust", &["rs"]),
];

/// The files of the manual, as a constant.
fn pages() -> std::io::Result<String> {
    let mut pages = Vec::new();
    for (folder, kinds) in MANUAL {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(folder)?.map(|entry| entry?.path().canonicalize()).collect::<std::io::Result<_>>()?;
        files.retain(|file| file.extension().is_some_and(|kind| kinds.iter().any(|wanted| kind == *wanted)));
        files.sort();
        let named = |file: &PathBuf| {
            let (name, path) = (format!("{folder}/{}", file.file_name()?.to_str()?), file.to_str()?);
            Some(format!("({name:?}, include_str!({path:?}))"))
        };
        pages.extend(files.iter().filter_map(named));
    }
    Ok(format!(
        "/// The files of the manual, each with its path in the sources and its text.\nconst PAGES: &[(&str, &str)] = &[{}];\n",
        pages.join(", ")
    ))
}
