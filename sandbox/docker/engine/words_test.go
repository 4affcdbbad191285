// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"drydock/sandbox"
)

// The sentences are the engines' own, as they were seen.
func TestStartReason(t *testing.T) {
	for _, tc := range []struct {
		message string
		reason  sandbox.StartReason
		code    int
	}{
		{`failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "no-such": executable file not found in $PATH: unknown`, sandbox.StartNotFound, 127},
		{`OCI runtime create failed: container_linux.go:380: starting container process caused: exec: "/no/such": stat /no/such: no such file or directory: unknown`, sandbox.StartNotFound, 127},
		{`runc: runc create failed: unable to start container process: exec: "/no": stat /no: no such file or directory: OCI runtime attempted to invoke a command that was not found`, sandbox.StartNotFound, 127},
		{"crun: executable file `nope` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found", sandbox.StartNotFound, 127},
		{`unable to start container process: exec: "/etc/passwd": permission denied: unknown`, sandbox.StartNotExecutable, 126},
		{`unable to start container process: exec: "/etc": is a directory: unknown: permission denied`, sandbox.StartNotExecutable, 126},
		{`exec: "./l": stat ./l: too many levels of symbolic links: unknown`, sandbox.StartNotExecutable, 126},
		{`exec: "./aaaa": stat ./aaaa: file name too long: unknown`, sandbox.StartNotExecutable, 126},
		{"crun: open executable: Permission denied: OCI permission denied", sandbox.StartNotExecutable, 126},
		{"Minimum memory limit allowed is 6MB", sandbox.StartLimitTooLow, 125},
		{"container init was OOM-killed (memory limit too low?): unknown", sandbox.StartLimitTooLow, 125},
		{"unable to set memory limit to 1048576 (current usage: 2629632, peak usage: 2752512): OCI runtime error", sandbox.StartLimitTooLow, 125},
		{"No command specified", sandbox.StartNotFound, 125},
		{"container create: no command or entrypoint provided, and no CMD or ENTRYPOINT from image", sandbox.StartNotFound, 125},

		// Not the program's fault.
		{`error mounting "/a" to rootfs at "/b": mount /a:/b: no such file or directory: unknown`, "", 0},
		{`chdir to cwd ("/root") set in config.json failed: permission denied: unknown`, "", 0},
		{`unable to find user nobody-here: no matching entries in passwd file`, "", 0},
		{`driver failed programming external connectivity on endpoint x: permission denied`, "", 0},
	} {
		reason, code, ok := startReason(tc.message)
		if reason != tc.reason || code != tc.code || ok != (tc.code != 0) {
			t.Errorf("%q: %s, %d", tc.message, reason, code)
		}
	}
}

func TestPullRemedy(t *testing.T) {
	for message, want := range map[string]string{
		"failed to register layer: write /usr/x: no space left on device":                                                        "free disk space",
		"toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating":                   "docker login r.example",
		"pull access denied for x, repository does not exist or may require 'docker login': denied: requested access ... denied": "docker login r.example",
		"Head \"https://r.example/v2/x/manifests/1\": unauthorized: incorrect username or password":                              "docker login r.example",
		"manifest for x:2 not found: manifest unknown: manifest unknown":                                                         "check the image's name and tag",
		"repository r.example/x not found: name unknown: repository name not known to registry":                                  "check the image's name and tag",
		"Get \"https://r.example/v2/\": http: server gave HTTP response to HTTPS client":                                         "insecure-registries",
		"Get \"https://r.example/v2/\": tls: failed to verify certificate: x509: certificate signed by unknown authority":        "/etc/docker/certs.d/r.example/ca.crt",
		"Get \"https://r.example/v2/\": dial tcp: lookup r.example on 1.1.1.1:53: no such host":                                  "DNS",
		"Get \"https://r.example/v2/\": dial tcp 10.0.0.1:443: connect: no route to host":                                        "can reach r.example",
		"Get \"https://r.example/v2/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)":              "can reach r.example",
		"no matching manifest for linux/arm64 in the manifest list entries":                                                      "--platform",
		"open /var/lib/docker/tmp/x: permission denied":                                                                          "see its log",
		"filesystem layer verification failed for digest sha256:1":                                                               "try again",
		"something nobody has seen before":                                                                                       "docker pull",
	} {
		if got := pullRemedy(message, "r.example"); !strings.Contains(got, want) || strings.Contains(got, "%!") {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
}

func TestParseReference(t *testing.T) {
	id := "sha256:" + strings.Repeat("a", 64)
	for name, want := range map[string]string{
		"python": "docker.io/library/python:latest", "a/b:1": "docker.io/a/b:1", "r.example:5000/x": "r.example:5000/x:latest",
		"localhost/x:1": "localhost/x:1", "x@" + id: "docker.io/library/x@" + id, "x:1@" + id: "docker.io/library/x@" + id, id: id,
		"": "", "A": "", "a b": "", "-x": "", "x:": "", "x@sha256:1": "", strings.Repeat("a", 64): "", "https://x/y": "", "x\x00y": "",
	} {
		got, err := ParseReference(name)
		wrong := (*sandbox.ImageError)(nil)
		if got != want || (err == nil) != (want != "") || err != nil && (!errors.As(err, &wrong) || wrong.Reason != sandbox.StartImageName || wrong.Image != name) {
			t.Errorf("%q: %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestSuits(t *testing.T) {
	for _, tc := range []struct {
		have, want string
		suits      bool
	}{
		{"linux/amd64", "", true}, {"linux/amd64", "linux/amd64", true}, {"linux/amd64", "linux/arm64", false},
		{"linux/arm64/v8", "linux/arm64", true}, {"linux/arm64", "linux/arm64/v8", true}, {"linux/arm/v7", "linux/arm", true},
		{"linux/arm/v7", "linux/arm/v6", false}, {"linux/amd64", "Linux/AMD64", true}, {"windows/amd64", "linux/amd64", false},
	} {
		if got := suits(tc.have, tc.want); got != tc.suits {
			t.Errorf("suits(%q, %q) = %v", tc.have, tc.want, got)
		}
	}
}

func TestDigestOf(t *testing.T) {
	const one, two = "docker.io/library/x@sha256:1111", "r.example/x@sha256:2222"
	for _, tc := range []struct{ complete, want string }{
		{"docker.io/library/x:1", "x@sha256:1111"}, {"r.example/x:latest", two}, {two, two}, {"r.example/other:1", "x@sha256:1111"},
	} {
		if got := digestOf([]string{"x@sha256:1111", two}, tc.complete); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.complete, got, tc.want)
		}
	}
	if got := digestOf(nil, one); got != "" {
		t.Errorf("an image without names has the digest %s", got)
	}
}

// An image is got again by its digest, unless that is of another place.
func TestAgain(t *testing.T) {
	const sum = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, tc := range []struct{ name, digest, want string }{
		{"python:3.12", "python" + sum, "python" + sum},
		{"docker.io/library/python", "python" + sum, "python" + sum},
		{"here:5000/a/b:1", "here:5000/a/b" + sum, "here:5000/a/b" + sum},
		{"python:3.12", "mirror.example/python" + sum, "python:3.12"},
		{"python:3.12", "", "python:3.12"},
	} {
		if got := Again(tc.name, tc.digest); got != tc.want {
			t.Errorf("%s with %s: %s, want %s", tc.name, tc.digest, got, tc.want)
		}
	}
}

func TestProgress(t *testing.T) {
	stream := `{"status":"Pulling from library/x","id":"1"}
{"status":"Pulling fs layer","progressDetail":{},"id":"a"}
{"status":"Already exists","progressDetail":{},"id":"old"}
{"status":"Downloading","progressDetail":{"current":60,"total":100},"progress":"[=>]","id":"a"}
{"status":"Downloading","progressDetail":{"current":10,"total":50},"id":"b"}
{"status":"Retrying in 5 seconds","progressDetail":{},"id":"a"}
{"status":"Downloading","progressDetail":{"current":20,"total":100},"id":"a"}
{"status":"Download complete","progressDetail":{},"id":"a"}
{"status":"Extracting","progressDetail":{"current":50,"total":100},"id":"a"}
{"status":"Verifying Checksum","progressDetail":{},"id":"b"}
{"status":"Pull complete","progressDetail":{},"id":"b"}
{"status":"Digest: sha256:abc"}
{"status":"Status: Downloaded newer image for x:latest"}
`
	var seen [][2]int64
	tr := transfer{what: "x"}
	err := readPull(strings.NewReader(stream), &tr, func(p sandbox.Progress) { seen = append(seen, [2]int64{p.Done, p.Total}) })
	want := [][2]int64{{60, 100}, {70, 150}, {30, 150}, {110, 150}, {150, 150}}
	if err != nil || tr.digest != "sha256:abc" || len(seen) != len(want) {
		t.Fatalf("%v, %q, %v", err, tr.digest, seen)
	}
	for i := range want {
		if seen[i] != want[i] {
			t.Errorf("step %d: %v, want %v", i, seen[i], want[i])
		}
	}
}

func FuzzReadPull(f *testing.F) {
	f.Add([]byte(`{"status":"Downloading","progressDetail":{"current":60,"total":100},"id":"a"}{"status":"Pull complete","id":"a"}`))
	f.Add([]byte(`{"errorDetail":{"message":"x"},"error":"y"}`))
	f.Add([]byte(`{"status":"Downloading","progressDetail":{"current":-1,"total":9223372036854775807},"id":"b"}`))
	f.Fuzz(func(t *testing.T, stream []byte) {
		tr := transfer{}
		err := readPull(bytes.NewReader(stream), &tr, func(p sandbox.Progress) {
			if p.Done < 0 || p.Done > p.Total {
				t.Errorf("progress %+v", p)
			}
		})
		if err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Error("an error without words")
		}
	})
}

func FuzzWords(f *testing.F) {
	f.Add(`exec: "x": executable file not found in $PATH`, "python:3")
	f.Add("%s no such host %d", "A b")
	f.Fuzz(func(t *testing.T, message, name string) {
		if remedy := pullRemedy(message, "r.example"); remedy == "" || strings.Contains(remedy, "%!") {
			t.Errorf("remedy %q", remedy)
		}
		if reason, code, ok := startReason(message); ok && (reason == "" || code < exitRefused || code > exitNotFound) {
			t.Errorf("%q: %q, %d", message, reason, code)
		}
		complete, err := ParseReference(name)
		if err != nil {
			return
		}
		if again, err := ParseReference(complete); err != nil || again != complete {
			t.Errorf("%q becomes %q, that becomes %q (%v)", name, complete, again, err)
		}
		if repository(complete) == "" && !imageID.MatchString(complete) {
			t.Errorf("%q has no repository", complete)
		}
	})
}

// What a person reads is the runtime's own sentence.
func TestPlainStartMessage(t *testing.T) {
	const want = `exec: "no": executable file not found in $PATH`
	for _, message := range []string{
		want,
		"failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: " + want + ": unknown",
		"OCI runtime create failed: container_linux.go:380: starting container process caused: " + want + ": unknown",
		"runc: runc create failed: unable to start container process: " + want + ": OCI runtime attempted to invoke a command that was not found",
	} {
		if got := plain(message); got != want {
			t.Errorf("plain(%q) = %q", message, got)
		}
	}
}
