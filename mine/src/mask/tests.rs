use super::*;

#[test]
fn what_varies_is_masked() {
    for (line, masked) in [
        ("2026-11-23T01:02:03.123Z up", "<*> up"),
        ("2026-11-23T01:02:03+01:00 up", "<*> up"),
        ("2026-11-23 01:02:03,123 INFO up", "<*> INFO up"),
        ("[2026-11-23 01:02:03 +0000] [17] [INFO] up", "[<*>] [<*>] [INFO] up"),
        ("Nov 23 01:02:03 host sshd[4711]: up", "<*> host sshd[<*>]: up"),
        ("Nov  3 01:02:03 up", "<*> up"),
        ("Mon, 23 Nov 2026 01:02:03 GMT up", "<*> GMT up"),
        ("2026/11/23 01:02:03 [error] 7#7: up", "<*> [error] <*>#<*>: up"),
        (
            "10.0.1.5 - - [23/Nov/2026:01:02:03 +0000] \"GET / HTTP/1.1\" 502 12",
            "<*> - - [<*>] \"GET / HTTP/<*>\" 502 <*>",
        ),
        ("1795000000 up", "<*> up"),
        ("1795000000.123 up", "<*> up"),
        ("to 10.0.1.5:5432, 10.0.0.0/16", "to <*>, <*>"),
        ("to [2001:db8::1]:443 and ::1: refused", "to [<*>]:<*> and <*>: refused"),
        ("::ffff:10.0.1.5 and fe80::1%eth0", "<*> and <*>"),
        ("std::collections::map std::add", "std::collections::map std::add"),
        ("id 3f2504e0-4f89-11d3-9a0c-0305e82c3301.", "id <*>."),
        ("id a3f2504e04f8911d39a0c0305e82c330", "id <*>"),
        ("commit abc1234 deadbeef defaced", "commit <*> deadbeef defaced"),
        ("image@sha256:9f86d081884c7d659a2feaa0c55ad015", "image@sha256:<*>"),
        ("at 0x7ffe12 done", "at <*> done"),
        ("took 12ms, 3.4MB, 99%, 1e-05, -7, 1.5µs", "took <*>, <*>, <*>, <*>, <*>, <*>"),
        ("arn:aws:ecs:eu-central-1:123456789012:task/c/1 gone", "<*> gone"),
        (
            "GET https://api.example.com/users/42/orders?id=7&x=y done",
            "GET https://api.example.com/users/<*>/orders?<*> done",
        ),
        ("/srv/releases/20261123/app.py", "/srv/releases/<*>/app.py"),
        ("mail to jane.doe+x@example.com failed", "mail to <*> failed"),
        ("Foo@bar, @Component", "Foo@bar, @Component"),
        ("\u{1b}[32mINFO\u{1b}[0m:  up", "INFO: up"),
        ("\u{1b}]0;title\u{7}up", "up"),
        ("psycopg2 utf8 sha256 k8s stay", "psycopg2 utf8 sha256 k8s stay"),
        ("executor4711 blk_-1608999687919862906 worker-3", "executor<*> blk_<*> worker-<*>"),
        ("status code 500, exit code 1, retries 3", "status code 500, exit code 1, retries <*>"),
        ("[Errno 111] P1001 ORA-01017 SQLSTATE 08006", "[Errno 111] P1001 ORA-01017 SQLSTATE 08006"),
        ("Running upgrade  -> 3f2a1b0c9d8e, add", "Running upgrade -> <*>, add"),
        ("  indented\ttabs ", "indented tabs"),
        ("Änderung für 7 Öfen", "Änderung für <*> Öfen"),
        ("", ""),
        ("\n\nsecond\nthird", "second"),
    ] {
        assert_eq!(mask(line), masked, "{line}");
    }
}

#[test]
fn of_several_lines_the_first_and_the_exception_count() {
    let event = "ERROR boot\nTraceback (most recent call last):\n  File \"a.py\", line 1\nValueError: no\n(Background on this error at: x)\n";
    assert_eq!(headlines(event), ("ERROR boot", Some("ValueError: no")));
    assert_eq!(headlines("one\n  two\n"), ("one", Some("  two")));
    assert_eq!(headlines("one\n"), ("one", None));
}

proptest::proptest! {
    #[test]
    fn any_text_can_be_masked(text in "([ -~\\né\u{1b}µ%0-9a-f.@:/-]|2026-11-23 |10.0.0.1|://|\\PC){0,60}") {
        let masked = mask(&text);
        proptest::prop_assert!(!masked.contains('\n'));
    }
}
