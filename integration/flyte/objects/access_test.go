// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestAuthentication(t *testing.T) {
	now := time.Now()
	s := openStore(t, t.TempDir(), Options{Keys: map[string]string{"minio": "miniostorage", "nobody": ""}})
	c := serve(t, s)
	const unsigned = "UNSIGNED-PAYLOAD"
	put := func(keys Credentials, at time.Time, hash string, tamper func(*http.Request)) reply {
		r, err := http.NewRequest("PUT", c.url+"/drydock/k", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		sign(r, keys, at, hash)
		if tamper != nil {
			tamper(r)
		}
		return c.send(r)
	}
	tests := []struct {
		name   string
		keys   Credentials
		at     time.Time
		hash   string
		tamper func(*http.Request)
		status int
		code   string
	}{
		{name: "root"},
		{name: "fixed", keys: Credentials{"minio", "miniostorage"}},
		{name: "hash", hash: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
		{name: "other content", hash: strings.Repeat("0", 64), status: 400, code: "XAmzContentSHA256Mismatch"},
		{name: "chunks", hash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER", status: 501, code: "NotImplemented"},
		{name: "wrong secret", keys: Credentials{s.keys.AccessKey, "guess"}, status: 403, code: "SignatureDoesNotMatch"},
		{name: "unknown key", keys: Credentials{"somebody", "guess"}, status: 403, code: "InvalidAccessKeyId"},
		{name: "empty secret", keys: Credentials{"nobody", ""}, status: 403, code: "InvalidAccessKeyId"},
		{name: "derived without a hook", keys: Credentials{"RUNx", s.derivedSecret("RUNx")}, status: 403, code: "InvalidAccessKeyId"},
		{name: "late", at: now.Add(-16 * time.Minute), status: 403, code: "RequestTimeTooSkewed"},
		{name: "early", at: now.Add(16 * time.Minute), status: 403, code: "RequestTimeTooSkewed"},
		{name: "unsigned", tamper: func(r *http.Request) { r.Header.Del("Authorization") }, status: 403, code: "AccessDenied"},
		{name: "another object", tamper: func(r *http.Request) { r.URL.Path = "/drydock/j" }, status: 403, code: "SignatureDoesNotMatch"},
		{name: "another operation", tamper: func(r *http.Request) { r.Method = "DELETE" }, status: 403, code: "SignatureDoesNotMatch"},
		{name: "a header added", tamper: func(r *http.Request) { r.Header.Set("X-Amz-Copy-Source", "/drydock/j") }, status: 403, code: "AccessDenied"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			mustPut(t, s, "k", "before")
			if tt.keys.AccessKey == "" {
				tt.keys = s.RootCredentials()
			}
			if tt.at.IsZero() {
				tt.at = now
			}
			if tt.hash == "" {
				tt.hash = unsigned
			}
			if tt.status == 0 {
				c.want(put(tt.keys, tt.at, tt.hash, tt.tamper), 200, "")
				wantContent(t, s, "k", "hello")
				return
			}
			c.want(put(tt.keys, tt.at, tt.hash, tt.tamper), tt.status, tt.code)
			wantContent(t, s, "k", "before")
			wantNoLeftovers(t, s)
		})
	}
}

func TestGrants(t *testing.T) {
	s := openStore(t, t.TempDir(), Options{Authorize: func(accessKey string) (Grant, bool) {
		switch accessKey {
		case "RUNa":
			return Grant{Read: []string{"shared/"}, Write: []string{"runs/a"}}, true
		case "RUNb":
			return Grant{Read: []string{"", "x"}}, true
		case "OWN":
			return Grant{Read: []string{"runs"}, Secret: "secret"}, true
		case "OTHER":
			return Grant{Read: []string{""}}, true // and no secret that anybody knows
		}
		return Grant{}, false
	}})
	for _, key := range []string{"shared/s", "runs/a/x", "runs/ab/x", "runs/a"} {
		mustPut(t, s, key, key)
	}
	c := serve(t, s)
	list := func(prefix string) string { return "/drydock?list-type=2&prefix=" + escape(prefix, "") }
	from := func(key string) []string { return []string{"X-Amz-Copy-Source", at(key)} }
	tests := []struct {
		who, method, target, body string
		headers                   []string
		status                    int
	}{
		{"a", "GET", at("shared/s"), "", nil, 200},
		{"a", "GET", at("shared/none"), "", nil, 404},
		{"a", "GET", list("shared/"), "", nil, 200},
		{"a", "GET", list("shared/s"), "", nil, 200},
		{"a", "GET", list("shared"), "", nil, 403},
		{"a", "GET", list(""), "", nil, 403},
		{"a", "PUT", at("shared/s"), "x", nil, 403},
		{"a", "DELETE", at("shared/s"), "", nil, 403},
		{"a", "PUT", at("runs/a/y"), "x", nil, 200},
		{"a", "PUT", at("runs/a/../y"), "x", nil, 200}, // which is a key below runs/a/
		{"a", "PUT", at("runs/a"), "x", nil, 403},
		{"a", "PUT", at("runs/ab/x"), "x", nil, 403},
		{"a", "HEAD", at("runs/a/x"), "", nil, 403}, // write is not read
		{"a", "PUT", at("runs/a/copy"), "", from("shared/s"), 200},
		{"a", "PUT", at("runs/a/copy"), "", from("runs/ab/x"), 403},
		{"a", "PUT", at("shared/copy"), "", from("shared/s"), 403},
		{"a", "POST", at("runs/a/m") + "?uploads=", "", nil, 200},
		{"a", "POST", at("shared/m") + "?uploads=", "", nil, 403},
		{"a", "PUT", at("shared/m") + "?partNumber=1&uploadId=x", "x", nil, 403},
		{"a", "POST", at("shared/m") + "?uploadId=x", "<CompleteMultipartUpload/>", nil, 403},
		{"a", "DELETE", at("shared/m") + "?uploadId=x", "", nil, 403},
		{"a", "GET", at("shared/m") + "?uploadId=x", "", nil, 403},
		{"a", "GET", "/drydock?uploads", "", nil, 403},
		{"a", "GET", "/", "", nil, 200},
		{"b", "GET", at("runs/ab/x"), "", nil, 200},
		{"b", "GET", list(""), "", nil, 200},
		{"b", "PUT", at("x"), "x", nil, 403},
		{"own", "GET", at("runs/ab/x"), "", nil, 200},
		{"other", "GET", at("runs/ab/x"), "", nil, 403},
		{"none", "GET", at("shared/s"), "", nil, 403},
	}
	derived := func(id string) Credentials { k, _ := s.Credentials(id); return k }
	keys := map[string]Credentials{"a": derived("a"), "b": derived("b"), "none": derived("none"), "own": {"OWN", "secret"}, "other": {"OTHER", ""}}
	for _, tt := range tests {
		c.keys = keys[tt.who]
		r := c.do(tt.method, tt.target, tt.body, tt.headers...)
		if r.StatusCode != tt.status || tt.status == 403 && tt.method != "HEAD" && r.code() == "" {
			t.Errorf("%s: %s %s: %d, want %d\n%s", tt.who, tt.method, tt.target, r.StatusCode, tt.status, r.body)
		}
	}
	c.keys = keys["a"]
	r := c.want(c.do("POST", "/drydock?delete", "<Delete><Object><Key>runs/a/y</Key></Object><Object><Key>shared/s</Key></Object></Delete>"), 200, "AccessDenied")
	if strings.Count(r.body, "<Deleted>") != 1 || strings.Count(r.body, "<Error>") != 1 {
		t.Errorf("delete: %s", r.body)
	}
	wantContent(t, s, "shared/s", "shared/s")
	wantContent(t, s, "runs/ab/x", "runs/ab/x")
	wantAbsent(t, s, "runs/a/y")
}
