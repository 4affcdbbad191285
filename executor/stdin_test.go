// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"io"
	"strings"
	"testing"
)

// What comes after an attempt's end is the next attempt's.
func TestStdinIsHandedOn(t *testing.T) {
	from, to := io.Pipe()
	s := newStdin(from)
	defer s.close()
	defer to.Close()
	first, end := s.attempt()
	blocked := make(chan error)
	go func() {
		_, err := first.Read(make([]byte, 10))
		blocked <- err
	}()
	end()
	if err := <-blocked; err != io.EOF {
		t.Errorf("the first attempt's reader got %v", err)
	}
	second, end := s.attempt()
	defer end()
	go func() {
		_, _ = io.WriteString(to, "for the second")
		to.Close()
	}()
	if got, err := io.ReadAll(second); err != nil || string(got) != "for the second" {
		t.Errorf("the second attempt read %q, %v", got, err)
	}
	if n, err := first.Read(make([]byte, 10)); n != 0 || err != io.EOF {
		t.Errorf("an ended attempt read %d bytes, %v", n, err)
	}
}

func TestStdinInSmallPieces(t *testing.T) {
	s := newStdin(strings.NewReader("abcdef"))
	defer s.close()
	r, end := s.attempt()
	defer end()
	var got []byte
	for buf := make([]byte, 4); ; {
		n, err := r.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			break
		}
	}
	if string(got) != "abcdef" {
		t.Errorf("read %q", got)
	}
}
