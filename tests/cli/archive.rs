//! Bundles that go to S3, and refusals by S3. A witness tests real uploads.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

#[cfg(unix)]
use crate::signalled;
use crate::{Run, casefile, casefile_in, cases, command, ended, import, text};

/// An S3 that is empty, answers every PUT with one status, and may be looked at or not. It ends with the test.
fn s3(put: u16, looks: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(connection, put, looks));
        }
    });
    url
}

/// A PUT is not answered.
const HANGS: u16 = 0;

const DENIED: &str = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";

fn serve(connection: TcpStream, put: u16, looks: bool) {
    let mut out = connection.try_clone().unwrap();
    let mut reader = BufReader::new(connection);
    loop {
        let (mut first, mut length) = (String::new(), 0);
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            match header.to_ascii_lowercase().split_once(':') {
                Some(("content-length", value)) => length = value.trim().parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        reader.by_ref().take(length).read_to_end(&mut Vec::new()).unwrap();
        if put == HANGS && first.starts_with("PUT") {
            continue;
        }
        let (status, body) = match first.split(' ').next().unwrap_or_default() {
            "PUT" if put == 403 => (403, DENIED),
            "PUT" => (put, ""),
            "HEAD" => (if looks { 404 } else { 403 }, ""),
            _ if !looks => (403, DENIED),
            _ => (200, "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"),
        };
        let answer = format!("HTTP/1.1 {status} X\r\netag: \"1\"\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        if out.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn to_s3(folder: &Path, s3: &str, arguments: &[&str]) -> Run {
    ended(with_s3(folder, s3, arguments).output().unwrap())
}

fn with_s3(folder: &Path, s3: &str, arguments: &[&str]) -> Command {
    let mut command = command(folder, arguments);
    command.env("AWS_ENDPOINT_URL_S3", s3).env("AWS_REGION", "eu-west-1");
    command
}

#[test]
fn an_upload_that_is_refused_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let case = cases().join("healthy-migration");
    let run = to_s3(folder.path(), &s3(403, true), &["import", text(&case), "-o", "s3://evidence/a/kept.bundle"]);
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(run.err.contains("the bundle is sealed, and stays at kept.bundle: cannot write to s3://"), "{}", run.err);
    assert!(run.err.contains("the role needs s3:PutObject"), "{}", run.err);
    assert!(run.out.starts_with("kept.bundle  sha256:"), "it says where it is: {}", run.out);
    assert_eq!(casefile(&["verify", text(&folder.path().join("kept.bundle"))]).code, 0);
}

#[cfg(unix)]
#[test]
fn an_interrupted_upload_keeps_the_sealed_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let case = cases().join("healthy-migration");
    for (verb, signal) in [("import", "-INT"), ("demo", "-TERM")] {
        let url = format!("s3://evidence/{verb}.bundle");
        let arguments = match verb {
            "import" => vec![verb, text(&case), "-o", &url],
            _ => vec![verb, "--speed", "120", "-o", &url],
        };
        let run = signalled(&mut with_s3(folder.path(), &s3(HANGS, true), &arguments), "uploading it", signal);
        assert_eq!(
            run.code,
            if verb == "import" { 1 } else { 3 },
            "what became of the deployment is told: {}",
            run.err
        );
        assert!(run.err.contains("giving the upload up") && !run.err.contains("sealing the evidence"), "{}", run.err);
        assert!(run.err.contains(&format!("the bundle is sealed, and stays at {verb}.bundle")), "{}", run.err);
        assert!(run.err.contains(&format!("`aws s3 rm --recursive {url}`")), "{}", run.err);
        assert_eq!(casefile(&["verify", text(&folder.path().join(format!("{verb}.bundle")))]).code, 0);
    }
}

#[test]
fn to_write_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let case = cases().join("healthy-migration");
    let import = |put: u16, place: &str| {
        to_s3(folder.path(), &s3(put, false), &["import", text(&case), "-o", &format!("s3://evidence/{place}")])
    };
    let run = import(200, "a.bundle");
    assert_eq!((run.code, run.out.starts_with("s3://evidence/a.bundle  sha256:")), (0, true), "{}", run.err);
    // Whether something is there is then seen where it is written.
    let run = import(412, "b.bundle");
    assert_eq!((run.code, run.err.contains("exists already")), (1, true), "{}", run.err);
    assert!(folder.path().join("b.bundle").exists());
}

#[test]
fn a_failed_deployment_is_told_first() {
    let folder = tempfile::tempdir().unwrap();
    for (put, place) in [(403, "refused.tar"), (200, "arrived.tar")] {
        let url = format!("s3://evidence/{place}");
        let run = to_s3(folder.path(), &s3(put, true), &["demo", "--speed", "120", "-o", &url]);
        assert_eq!(run.code, 3, "{}", run.err);
        assert!(run.out.contains("FAIL"), "{}", run.out);
        let stays = folder.path().join(place).exists();
        assert_eq!(stays, put == 403, "{}", run.err);
        assert_eq!(run.err.contains("stays at refused.tar"), stays, "{}", run.err);
        assert_eq!(run.err.contains(&format!("{url}  sha256:")), !stays, "{}", run.err);
    }
}

#[test]
fn only_bundles_go_to_s3_and_only_to_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("healthy-migration", folder.path());
    let case = cases().join("healthy-migration");
    let (bundle, case) = (text(&bundle), text(&case));
    for (arguments, said) in [
        (vec!["import", case, "-o", "s3://evidence"], "give s3://BUCKET/KEY"),
        (vec!["import", case, "-o", "s3://Evidence/a"], "a bucket's name has"),
        (vec!["analyze", "s3://evidence/a.bundle"], "`aws s3 cp --recursive s3://evidence/a.bundle a.bundle`"),
        (vec!["verify", "s3://evidence/a.tar"], "`aws s3 cp s3://evidence/a.tar a.tar`"),
        (vec!["analyze", bundle, "-o", "s3://evidence/report"], "give a file for a report"),
    ] {
        let run = casefile_in(folder.path(), &arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.err);
        assert!(run.err.contains(said), "{arguments:?}: {}", run.err);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is written");
}
