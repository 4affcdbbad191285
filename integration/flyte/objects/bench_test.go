// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

var benchSizes = []struct {
	name string
	size int64
}{{"4KiB", 4 << 10}, {"64MiB", 64 << 20}}

func BenchmarkPut(b *testing.B) {
	for _, bench := range benchSizes {
		b.Run(bench.name, func(b *testing.B) {
			s := newStore(b)
			b.SetBytes(bench.size)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := s.Put(context.Background(), fmt.Sprint("p/", i%8), io.LimitReader(zeros{}, bench.size), PutOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	for _, bench := range benchSizes {
		b.Run(bench.name, func(b *testing.B) {
			s := newStore(b)
			if _, err := s.Put(context.Background(), "p/k", io.LimitReader(zeros{}, bench.size), PutOptions{}); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(bench.size)
			b.ReportAllocs()
			for b.Loop() {
				content, _, err := s.Get(context.Background(), "p/k")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, content); err != nil {
					b.Fatal(err)
				}
				content.Close()
			}
		})
	}
}

// BenchmarkHTTP is what a task sees, over loopback: signature and hashes on top.
func BenchmarkHTTP(b *testing.B) {
	for _, method := range []string{"PUT", "GET"} {
		for _, bench := range benchSizes {
			b.Run(method+"/"+bench.name, func(b *testing.B) {
				c := serve(b, newStore(b))
				put := func() { c.stream("PUT", bench.size) }
				put()
				b.SetBytes(bench.size)
				b.ReportAllocs()
				for b.Loop() {
					if method == "PUT" {
						put()
					} else {
						c.stream("GET", 0)
					}
				}
			})
		}
	}
}

func (c client) stream(method string, size int64) {
	r, err := http.NewRequest(method, c.url+at("p/k"), io.LimitReader(zeros{}, size))
	if err != nil {
		c.t.Fatal(err)
	}
	if r.ContentLength = size; size == 0 {
		r.Body = nil
	}
	sign(r, c.keys, time.Now(), "UNSIGNED-PAYLOAD")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
		c.t.Fatal(resp.Status, err)
	}
}
