// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// guard decides who may talk to the server at all. Programs on this machine
// may; a web page that a browser on this machine shows may not, neither
// directly (Origin) nor by a name that was made to mean this machine (Host);
// other machines must show the token. Tasks in containers come from addresses of
// their own, and by a name that only they know.
type guard struct {
	token  string
	tasks  func(host string) bool // whether a host name is such a one; nil: there are none
	listen string                 // host name or address that the server was told to listen on; "": all of them
	next   http.Handler
}

func (g guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if code, why := g.refuse(r); why != "" {
		deny(w, r, code, why)
		return
	}
	g.next.ServeHTTP(w, r)
}

// refuse returns what is wrong with a request, "" when it may pass.
func (g guard) refuse(r *http.Request) (int, string) {
	if crossOrigin(r) {
		return http.StatusForbidden, "drydock answers programs, not other sites' web pages: this request says that it comes from " + origin(r)
	}
	switch {
	case shows(r, g.token), signed(r), g.tasks != nil && g.tasks(hostName(r)):
		return 0, ""
	case !local(r):
		return http.StatusUnauthorized, "this drydock wants a token from other machines; send it as Authorization: Bearer TOKEN"
	case !g.knownHost(r):
		return http.StatusForbidden, "drydock does not go by the name " + quoted(r.Host) + "; use localhost, or the address that drydock up printed"
	}
	return 0, ""
}

// crossOrigin reports whether a browser sent the request for a page of
// somebody else's. Following a link to a page of the console is no such thing.
func crossOrigin(r *http.Request) bool {
	if o := r.Header.Get("Origin"); o != "" {
		u, err := url.Parse(o)
		return err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host)
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return false
	}
	return !(r.Method == http.MethodGet || r.Method == http.MethodHead) || r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

func origin(r *http.Request) string {
	if o := r.Header.Get("Origin"); o != "" {
		return quoted(o)
	}
	return "another site"
}

// signed reports whether the object store authenticates the request by
// itself: S3's signature in a header, or drydock's own in the URL. It proves
// nothing here; the store checks it.
func signed(r *http.Request) bool {
	return storage(r.URL.Path) && strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") ||
		strings.HasPrefix(r.URL.Path, signedPrefix)
}

// local reports whether the peer is a program on this machine: it comes over
// loopback, or from the very address that it connects to.
func local(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	if peer.Addr().Unmap().IsLoopback() {
		return true
	}
	own, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && own.AddrPort().Addr().Unmap() == peer.Addr().Unmap()
}

// knownHost reports whether a request's Host is a name of this machine that
// nobody else can make mean it.
func (g guard) knownHost(r *http.Request) bool {
	host := hostName(r)
	switch {
	case host == "localhost", strings.HasSuffix(host, ".localhost"), // RFC 6761: never asked of a name server
		host == "host.docker.internal", // this machine, seen from a container
		g.listen != "" && host == strings.ToLower(g.listen):
		return true
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	own, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return addr.Unmap().IsLoopback() || ok && own.AddrPort().Addr().Unmap() == addr.Unmap()
}

// hostName is a request's Host without its port, in lower case.
func hostName(r *http.Request) string {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// hostOf is the host of an address to listen on; "" for all addresses.
func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if ip, perr := netip.ParseAddr(host); err != nil || perr == nil && ip.IsUnspecified() {
		return ""
	}
	return host
}

// deny answers in the words of whoever asked: the SDK reads JSON.
func deny(w http.ResponseWriter, r *http.Request, status int, why string) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if !strings.HasPrefix(r.URL.Path, apiPrefix) {
		http.Error(w, why, status)
		return
	}
	code := "permission_denied"
	if status == http.StatusUnauthorized {
		code = "unauthenticated"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": code, "message": why}) // the client may be gone
}

// quoted keeps what a stranger sent short and on one line.
func quoted(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
