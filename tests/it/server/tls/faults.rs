//! The messages to the operator about files that cannot be used.

use std::path::{Path, PathBuf};

use messaging::server::tls::Tls;

use super::certificates::{Authority, Disk};

/// The one line about the files on a disk, with the directory cut out.
fn complaint(disk: &Disk) -> String {
    let text = Tls::load(disk.files()).unwrap_err().to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    text.replace(&format!("{}/", disk.cert().parent().unwrap().display()), "")
}

fn disk() -> Disk {
    let ca = Authority::new();
    Disk::of(&ca).with_client_ca(&ca)
}

fn all(disk: &Disk) -> [(&'static str, PathBuf); 3] {
    [("GRPC_TLS_CERT", disk.cert()), ("GRPC_TLS_KEY", disk.key()), ("GRPC_TLS_CLIENT_CA", disk.client_ca())]
}

fn name(file: &Path) -> &str {
    file.file_name().unwrap().to_str().unwrap()
}

#[test]
fn a_missing_file_is_named_with_its_variable() {
    for which in 0..3 {
        let disk = disk();
        let (variable, file) = all(&disk)[which].clone();
        std::fs::remove_file(&file).unwrap();
        let text = complaint(&disk);
        assert!(text.starts_with(&format!("{variable}: {}: cannot be read (No such file", name(&file))), "{text}");
    }
}

#[test]
fn a_file_with_nothing_of_use_in_it_is_named_with_its_variable() {
    for which in 0..3 {
        let disk = disk();
        let (variable, file) = all(&disk)[which].clone();
        std::fs::write(&file, "hello\n").unwrap();
        let text = complaint(&disk);
        assert!(text.starts_with(&format!("{variable}: {}: holds no ", name(&file))), "{text}");
    }
}

#[test]
fn a_damaged_certificate_is_told_from_an_absent_one() {
    for text in [
        "-----BEGIN CERTIFICATE-----\nAAAA\n",
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        for which in [0, 2] {
            let disk = disk();
            let (variable, file) = all(&disk)[which].clone();
            std::fs::write(&file, text).unwrap();
            let text = complaint(&disk);
            assert!(text.starts_with(&format!("{variable}: {}: is damaged (", name(&file))), "{text}");
        }
    }
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let disk = disk();
    std::fs::write(disk.key(), Authority::new().server().1).unwrap();
    let text = complaint(&disk);
    assert!(text.starts_with("GRPC_TLS_KEY: key.pem: holds a key that does not belong"), "{text}");
}

#[test]
fn an_encrypted_key_is_refused_with_the_command_that_decrypts_it() {
    for text in [
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    ] {
        let disk = disk();
        std::fs::write(disk.key(), text).unwrap();
        let text = complaint(&disk);
        assert!(text.starts_with("GRPC_TLS_KEY: key.pem: holds an encrypted key"), "{text}");
        assert!(text.contains("openssl pkey"), "{text}");
    }
}

#[test]
fn a_key_that_is_no_key_is_refused_without_its_bytes() {
    let disk = disk();
    std::fs::write(disk.key(), "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n").unwrap();
    let text = complaint(&disk);
    assert!(text.starts_with("GRPC_TLS_KEY: key.pem: holds a key that cannot be used"), "{text}");
    assert!(!text.contains("c2VjcmV0") && !text.contains("secret"), "{text}");
}
