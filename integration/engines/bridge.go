// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

const bridgePrefix = "drydock-e"

// addBridge makes a bridge with an address, for one engine: two engines on
// one bridge would both give out its addresses. The name is free of those
// that other test processes have.
func addBridge() (name string, err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	for n := 1; n < 255; n++ {
		name := bridgePrefix + strconv.Itoa(n)
		err = bridgeIoctl(fd, unix.SIOCBRADDBR, name)
		if errors.Is(err, unix.EEXIST) {
			continue
		}
		if err == nil {
			if err = bridgeUp(fd, name); err != nil {
				err = errors.Join(err, removeBridge(name))
			}
		}
		if err != nil {
			return "", fmt.Errorf("make a bridge: %w", err)
		}
		return name, nil
	}
	return "", errors.New("make a bridge: all names are taken")
}

// subnet is the network of a bridge by that name, of a range for private use
// that is not among those that engines choose from by themselves.
func subnet(bridge string) netip.Prefix {
	n, _ := strconv.ParseUint(strings.TrimPrefix(bridge, bridgePrefix), 10, 8)
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 213, byte(n), 0}), 24)
}

func bridgeUp(fd int, name string) error {
	address := subnet(name).Addr().Next()
	mask := netip.AddrFrom4([4]byte{255, 255, 255, 0})
	for _, set := range []struct {
		request uint
		value   netip.Addr
	}{{unix.SIOCSIFADDR, address}, {unix.SIOCSIFNETMASK, mask}} {
		ifr, err := unix.NewIfreq(name)
		if err == nil {
			err = ifr.SetInet4Addr(set.value.AsSlice())
		}
		if err == nil {
			err = unix.IoctlIfreq(fd, set.request, ifr)
		}
		if err != nil {
			return err
		}
	}
	return setFlags(fd, name, unix.IFF_UP)
}

func setFlags(fd int, name string, flags uint16) error {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	ifr.SetUint16(flags)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

// removeBridge removes a bridge; what was attached loses its other end.
func removeBridge(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := setFlags(fd, name, 0); err != nil {
		return fmt.Errorf("take down the bridge %s: %w", name, err)
	}
	return bridgeIoctl(fd, unix.SIOCBRDELBR, name)
}

// bridgeIoctl is one of the two requests that take a bridge's name.
func bridgeIoctl(fd int, request uintptr, name string) error {
	text, err := unix.BytePtrFromString(name)
	if err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(text))); errno != 0 {
		return fmt.Errorf("bridge %s: %w", name, errno)
	}
	return nil
}
