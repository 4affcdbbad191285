// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What the SDK sent in recorded runs, in this order, and what it was answered.
func TestRecordedConversations(t *testing.T) {
	data, err := os.ReadFile("testdata/conversation.txt")
	if err != nil {
		t.Fatal(err)
	}
	s := newStore(t)
	c := serve(t, s)
	id := ""
	var parts []string
	for line := range strings.Lines(string(data)) {
		before, after, ok := strings.Cut(strings.TrimSpace(line), " -> ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(before)
		size, _ := strconv.Atoi(f[len(f)-1])
		want := strings.Fields(after)
		target, query, _ := strings.Cut(f[1], "?")
		key := strings.TrimPrefix(target, "/drydock/")
		body, headers := content(1, size), []string{}
		for _, word := range f[2 : len(f)-1] {
			name, value, _ := strings.Cut(word, "=")
			headers = append(headers, name, value)
		}
		switch {
		case f[0] == "HEAD" && want[0] == "200":
			// What the recording's server stored in other ways.
			if _, err := s.Stat(context.Background(), key); err != nil {
				n, _ := strconv.Atoi(want[1])
				mustPut(t, s, key, content(2, n))
			}
		case f[0] == "GET" && want[0] == "206":
			if _, err := s.Stat(context.Background(), key); err != nil {
				n, _ := strconv.Atoi(want[1])
				mustPut(t, s, key, content(2, n))
			}
		case f[0] == "POST" && !strings.Contains(query, "uploads"):
			body = "<CompleteMultipartUpload>" + strings.Join(parts, "") + "</CompleteMultipartUpload>"
		}
		if i := strings.Index(query, "uploadId="); i >= 0 {
			query = query[:i] + "uploadId=" + id
		}
		if query != "" {
			target += "?" + query
		}
		r := c.do(f[0], target, body, headers...)
		if strconv.Itoa(r.StatusCode) != want[0] || (f[0] == "HEAD" || r.StatusCode == 206) && r.Header.Get("Content-Length") != want[1] {
			t.Fatalf("%s\n%d, %v, %s", line, r.StatusCode, r.Header, r.body)
		}
		switch {
		case f[0] == "PUT" && r.Header.Get("ETag") == "":
			t.Errorf("%s\nno ETag", line)
		case f[0] == "PUT" && strings.Contains(query, "partNumber"):
			number := strings.TrimPrefix(strings.Split(query, "&")[0], "partNumber=")
			parts = append(parts, "<Part><ETag>"+strings.ReplaceAll(r.Header.Get("ETag"), `"`, "&quot;")+"</ETag><PartNumber>"+number+"</PartNumber></Part>")
			slices.SortFunc(parts, func(a, b string) int { return strings.Compare(a[len(a)-24:], b[len(b)-24:]) })
		case strings.Contains(query, "uploads"):
			_, id, _ = strings.Cut(r.body, "<UploadId>")
			id, _, _ = strings.Cut(id, "<")
			parts = nil
		}
	}
	wantNoLeftovers(t, s)
}
