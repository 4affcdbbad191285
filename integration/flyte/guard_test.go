// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const testToken = "0123456789abcdef0123456789abcdef"

func TestGuard(t *testing.T) {
	const local, remote = "127.0.0.1:40000", "192.0.2.7:40000"
	for _, tc := range []struct {
		name   string
		peer   string
		method string
		path   string
		host   string
		header map[string]string
		token  string
		listen string
		want   int
	}{
		{name: "a program", host: "localhost:8090"},
		{name: "by address", host: "127.0.0.1:8090"},
		{name: "by IPv6 address", host: "[::1]:8090", peer: "[::1]:40000"},
		{name: "mapped", host: "127.0.0.1:8090", peer: "[::ffff:127.0.0.1]:40000"},
		{name: "from a container", host: "host.docker.internal:8090"},
		{name: "a subdomain of localhost", host: "drydock.localhost:8090"},
		{name: "a dot at the end", host: "localhost.:8090"},
		{name: "in capitals", host: "LocalHost:8090"},
		{name: "the name it listens on", host: "box:8090", listen: "box"},
		{name: "no port", host: "localhost"},
		{name: "no host", host: "", want: 403},
		{name: "rebound", host: "evil.example:8090", want: 403},
		{name: "rebound, one that begins well", host: "localhost.evil.example:8090", want: 403},
		{name: "rebound, one that ends well", host: "evillocalhost:8090", want: 403},
		{name: "rebound, an address of others", host: "192.0.2.7:8090", want: 403},
		{name: "rebound, with control characters", host: "evil\x01example", want: 403},
		{name: "its own address on the network", host: "192.0.2.1:8090", peer: "192.0.2.1:40000"},

		{name: "a page of another site", host: "localhost:8090", header: map[string]string{"Origin": "http://evil.example"}, want: 403},
		{name: "a page on another port here", host: "localhost:8090", header: map[string]string{"Origin": "http://localhost:3000"}, want: 403},
		{name: "a sandboxed page", host: "localhost:8090", header: map[string]string{"Origin": "null"}, want: 403},
		{name: "an odd origin", host: "localhost:8090", header: map[string]string{"Origin": "http://[::1"}, want: 403},
		{name: "its own page", host: "localhost:8090", header: map[string]string{"Origin": "http://localhost:8090"}},
		{name: "a form of another site", method: "POST", host: "localhost:8090", header: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, want: 403},
		{name: "a link on another site", host: "localhost:8090", header: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}},
		{name: "an image on another site", host: "localhost:8090", header: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, want: 403},
		{name: "a page of another site, with the token", host: "localhost:8090", token: testToken,
			header: map[string]string{"Origin": "http://evil.example", "Authorization": "Bearer " + testToken}, want: 403},

		{name: "elsewhere", peer: remote, host: "box:8090", token: testToken, want: 401},
		{name: "elsewhere, without a token set", peer: remote, host: "localhost:8090", want: 401},
		{name: "elsewhere, pretending", peer: remote, host: "localhost:8090", token: testToken, want: 401},
		{name: "elsewhere, with the token", peer: remote, host: "box:8090", token: testToken, header: map[string]string{"Authorization": "Bearer " + testToken}},
		{name: "elsewhere, the scheme in small letters", peer: remote, host: "box:8090", token: testToken, header: map[string]string{"Authorization": "bearer " + testToken}},
		{name: "elsewhere, a wrong token", peer: remote, host: "box:8090", token: testToken, header: map[string]string{"Authorization": "Bearer " + testToken[1:]}, want: 401},
		{name: "elsewhere, an empty token", peer: remote, host: "box:8090", token: testToken, header: map[string]string{"Authorization": "Bearer "}, want: 401},
		{name: "elsewhere, an empty token, none set", peer: remote, host: "box:8090", header: map[string]string{"Authorization": "Bearer "}, want: 401},
		{name: "elsewhere, as basic", peer: remote, host: "box:8090", token: testToken, header: map[string]string{"Authorization": "Basic " + testToken}, want: 401},
		{name: "here, without the token", host: "localhost:8090", token: testToken},
		{name: "here, by another name, with the token", host: "box:8090", token: testToken, header: map[string]string{"Authorization": "Bearer " + testToken}},
		{name: "elsewhere, storage that is signed", peer: remote, path: "/drydock/x", host: "box:8090", token: testToken, header: map[string]string{"Authorization": "AWS4-HMAC-SHA256 Credential=x"}},
		{name: "elsewhere, the API with a storage signature", peer: remote, host: "box:8090", token: testToken, header: map[string]string{"Authorization": "AWS4-HMAC-SHA256 Credential=x"}, want: 401},
		{name: "elsewhere, a path that only begins like storage", peer: remote, path: "/drydockx", host: "box:8090", token: testToken, header: map[string]string{"Authorization": "AWS4-HMAC-SHA256 Credential=x"}, want: 401},
		{name: "elsewhere, a signed URL", peer: remote, path: "/objects/x?sig=y", host: "box:8090", token: testToken},
		{name: "nobody knows where", peer: "@", host: "localhost:8090", want: 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			passed := false
			g := guard{token: tc.token, listen: tc.listen, next: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed = true })}
			or := func(s, other string) string {
				if s == "" {
					return other
				}
				return s
			}
			r := httptest.NewRequest(or(tc.method, "GET"), "http://localhost"+or(tc.path, "/flyteidl2.workflow.RunService/CreateRun"), nil)
			r.Host, r.RemoteAddr = tc.host, or(tc.peer, local)
			if tc.peer == "192.0.2.1:40000" {
				r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 8090}))
			}
			for name, value := range tc.header {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			want := tc.want
			if want == 0 {
				want = 200
			}
			if w.Code != want || passed != (want == 200) {
				t.Errorf("status %d, passed %v, want %d: %s", w.Code, passed, want, w.Body)
			}
			if strings.ContainsAny(strings.TrimSpace(w.Body.String()), "\x01\n") {
				t.Errorf("not one line: %q", w.Body)
			}
		})
	}
}

// A refusal is in the words of whoever asked: the SDK shows the message of a
// Connect error.
func TestDenyIsConnect(t *testing.T) {
	w := httptest.NewRecorder()
	deny(w, httptest.NewRequest("POST", "/flyteidl2.workflow.RunService/CreateRun", nil), http.StatusUnauthorized, "why")
	if got := strings.TrimSpace(w.Body.String()); got != `{"code":"unauthenticated","message":"why"}` || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("%v %s", w.Header(), got)
	}
}

func TestCheckListen(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:8090": "", "localhost:0": "", "[::1]:8090": "", "127.1.2.3:1": "",
		"0.0.0.0:8090": "--token-file", ":8090": "--token-file", "[::]:8090": "--token-file", "192.0.2.1:8090": "--token-file", "box:8090": "--token-file",
		"8090": "HOST:PORT", "": "HOST:PORT", "localhost": "HOST:PORT", "localhost:http": "0 to 65535", "localhost:70000": "0 to 65535", "localhost:-1": "0 to 65535",
	} {
		err := CheckListen(addr, false)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", addr, err, want)
		}
		if withToken := CheckListen(addr, true); (withToken == nil) != (want == "" || want == "--token-file") {
			t.Errorf("%q with a token: %v", addr, withToken)
		}
	}
}

func TestOnLoopback(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:1": "127.0.0.1:1", "[::1]:1": "[::1]:1", "localhost:1": "127.0.0.1:1", "0.0.0.0:1": "127.0.0.1:1", "[::]:1": "127.0.0.1:1", ":1": "127.0.0.1:1",
		"192.0.2.1:1": "", "box:1": "", "": "",
	} {
		if got := onLoopback(addr); got != want {
			t.Errorf("%q: %q, want %q", addr, got, want)
		}
	}
}

func TestReadToken(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if got, err := ReadToken(file("good", testToken+"\n", 0o600)); got != testToken || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "gone"):                      "openssl rand",
		dir:                                             "is no file",
		file("open", testToken, 0o644):                  "chmod 600",
		file("group", testToken, 0o640):                 "chmod 600",
		file("short", "secret", 0o600):                  "at least 16",
		file("empty", " \n", 0o600):                     "at least 16",
		file("two", testToken+" "+testToken, 0o600):     "letters and digits",
		file("large", strings.Repeat("x", 5000), 0o600): "too large",
	} {
		_, err := ReadToken(path)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), testToken) {
			t.Errorf("%s: %v, want something about %q", path, err, want)
		}
	}
}
