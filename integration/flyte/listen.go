// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// DefaultListen is where the SDK's own documentation looks for an endpoint.
const DefaultListen = "127.0.0.1:8090"

// The SDK prints URLs of the console with port 8080 when its endpoint is
// exactly localhost:8090 (its own devbox has it there).
const (
	rewrittenPort = 8090
	consoleListen = "127.0.0.1:8080"
)

// PortInUse is the Reason of a ListenError that another port may mend.
const PortInUse = "another program has this port"

// ListenError says why an address cannot be listened on, and what to do.
type ListenError struct {
	Addr, Reason, Remedy string
	Err                  error
}

func (e *ListenError) Error() string {
	return fmt.Sprintf("--listen %s: %s; %s", e.Addr, e.Reason, e.Remedy)
}

func (e *ListenError) Unwrap() error { return e.Err }

// CheckListen refuses an address that is none, and one that other machines
// reach when there is no token for them to show.
func CheckListen(addr string, token bool) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return &ListenError{addr, "that is no address", "accepted: HOST:PORT, such as " + DefaultListen, err}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return &ListenError{addr, "that is no port", "accepted: 0 to 65535; 0 takes a free one", err}
	}
	if !token && !loopbackHost(host) {
		return &ListenError{addr, "other machines could run programs here", "add --token-file FILE, or listen on 127.0.0.1 and come in through ssh -L 8090:localhost:8090", nil}
	}
	return nil
}

func loopbackHost(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		_, port, _ := net.SplitHostPort(addr)
		return nil, &ListenError{addr, PortInUse,
			fmt.Sprintf("see which with ss -ltnp 'sport = :%s', or take another with --listen 127.0.0.1:0", port), err}
	case errors.Is(err, syscall.EACCES):
		return nil, &ListenError{addr, "only root may listen there", "take a port above 1023", err}
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, &ListenError{addr, "this machine has no such address", "ip address shows its own; 127.0.0.1 is always one", err}
	}
	return nil, &ListenError{addr, err.Error(), "try --listen " + DefaultListen, err}
}

// listenAgain is listen, but where any free port will do it takes the one of
// the last server if it can: tasks of that one know it there, and clients
// remember by the endpoint what they have uploaded.
func listenAgain(addr, last string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	lastHost, _, lastErr := net.SplitHostPort(last)
	if err == nil && lastErr == nil && port == "0" && lastHost == host {
		if l, err := net.Listen("tcp", last); err == nil {
			return l, nil
		}
	}
	return listen(addr)
}

// onLoopback is the address on this machine alone that an address to listen on
// includes; "": none.
func onLoopback(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "localhost", host == "", err == nil && ip.IsUnspecified():
		return net.JoinHostPort("127.0.0.1", port)
	case err == nil && ip.IsLoopback():
		return addr
	}
	return ""
}

// endpoint is how clients on this machine call the server: by name, because
// the SDK takes 127 for an organisation in 127.0.0.1.
func endpoint(l net.Listener) string {
	a, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return l.Addr().String()
	}
	host := a.IP.String()
	if a.IP.IsUnspecified() || a.IP.Equal(net.IPv4(127, 0, 0, 1)) {
		host = "localhost"
	}
	return net.JoinHostPort(host, strconv.Itoa(a.Port))
}

// consoleListener takes the port to which the SDK's URLs lead, when there is
// one and nobody else has it. Nil: there is none.
func consoleListener(l net.Listener) net.Listener {
	a, ok := l.Addr().(*net.TCPAddr)
	if !ok || a.Port != rewrittenPort {
		return nil
	}
	extra, err := net.Listen("tcp", consoleListen)
	if err != nil {
		return nil // somebody has it: up prints the URL that works
	}
	return extra
}
