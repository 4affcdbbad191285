// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A page is whole in itself: no script, nothing from elsewhere, and a policy
// that says so. Its figures are well formed, whatever names they show.
func TestPageIsWholeAndSafe(t *testing.T) {
	for name, s := range scenes {
		t.Run(name, func(t *testing.T) {
			page := string(render(t, s.load(t, true), HTML, Options{}))
			for _, bad := range []string{"<script", "<i>", "<b>", "<u>", "<s>", " style=", " on", "url(http", "src=", "\x1b", "\x00", "\u202e", "</svg><i"} {
				if bad == " on" { // handlers
					if m := regexp.MustCompile(`\son[a-z]+=`).FindString(page); m != "" {
						t.Errorf("the page has a handler %q", m)
					}
					continue
				}
				if strings.Contains(page, bad) {
					t.Errorf("the page contains %q", bad)
				}
			}
			if links := regexp.MustCompile(`(href|xmlns)="[^"#][^"]*"`).FindAllString(page, -1); len(links) > 0 {
				for _, l := range links {
					if l != `xmlns="http://www.w3.org/2000/svg"` {
						t.Errorf("the page refers to %s", l)
					}
				}
			}
			checkPolicy(t, page)
			for _, figure := range regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page, -1) {
				checkFigure(t, figure)
			}
		})
	}
}

func checkPolicy(t *testing.T, page string) {
	t.Helper()
	sheet := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)[1]
	hash := sha256.Sum256([]byte(sheet))
	want := `content="default-src 'none'; style-src 'sha256-` + base64.StdEncoding.EncodeToString(hash[:]) + `'; base-uri 'none'; form-action 'none'"`
	if !strings.Contains(strings.ReplaceAll(page, "&#43;", "+"), want) {
		t.Errorf("the policy is not %s", want)
	}
}

func checkFigure(t *testing.T, figure string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(figure))
	seen := map[string]bool{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well formed: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok {
			seen[e.Name.Local] = true
		}
	}
	for _, name := range []string{"title", "desc", "text", "path"} {
		if !seen[name] {
			t.Errorf("the figure has no %s", name)
		}
	}
}

// What all attempts share is one scale, if somebody asks for it.
func TestCommonScale(t *testing.T) {
	r := scenes["retry"].load(t, true)
	own, common := render(t, r, HTML, Options{}), render(t, r, HTML, Options{CommonScale: true})
	if n := bytes.Count(own, []byte(">128 MiB</text>")); n != 1 {
		t.Errorf("own scales: %d axes reach 128 MiB", n)
	}
	if n := bytes.Count(common, []byte(">128 MiB</text>")); n != 2 {
		t.Errorf("one scale: %d axes reach 128 MiB", n)
	}
}

// No text of the lanes lies on another, and no line runs through one, as long
// as all of them find room on one side.
func TestPlace(t *testing.T) {
	for _, tt := range []struct {
		name   string
		labels []label
		lanes  []int
		sides  string
	}{
		{"none", nil, nil, ""},
		{"far apart", []label{{x: 0, text: "started"}, {x: 300, text: "SIGTERM"}}, []int{0, 0}, "rr"},
		{"close: the later one below", []label{{x: 0, text: "started"}, {x: 20, text: "SIGTERM"}, {x: 40, text: "SIGKILL"}}, []int{0, 1, 2}, "rrr"},
		{"at the right edge: the earlier one below", []label{{x: 960, text: "out of memory"}, {x: 970, text: "ended: SIGKILL"}}, []int{1, 0}, "ll"},
		{"at once", []label{{x: 960, text: "out of memory"}, {x: 960, text: "ended: SIGKILL"}}, []int{1, 0}, "ll"},
		{"from both sides", []label{{x: 850, text: "SIGTERM"}, {x: 960, text: "ended after a long while"}}, []int{0, 1}, "rl"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := place(tt.labels, 980)
			var lanes []int
			sides := ""
			for _, l := range tt.labels {
				lanes = append(lanes, l.lane)
				sides += map[anchor]string{atStart: "r", atRight: "l"}[l.anchor]
				if l.lane >= n {
					t.Errorf("lane %d of %d", l.lane, n)
				}
			}
			if diff := cmp.Diff(tt.lanes, lanes); diff != "" || sides != tt.sides {
				t.Errorf("sides %q, lanes\n%s", sides, diff)
			}
		})
	}
}

func TestSpread(t *testing.T) {
	values := []value{{want: 100}, {want: 98}, {want: 2}, {want: 199}}
	spread(values, 10, 200)
	for i, v := range values {
		if v.y < 10 || v.y > 200 || i > 0 && v.y-values[i-1].y < valueHeight {
			t.Errorf("value %d stands at %g", i, v.y)
		}
	}
	crowd := make([]value, 3)
	spread(crowd, 10, 20) // more than there is room for: the lowest stays inside
	if crowd[2].y != 20 {
		t.Errorf("%+v", crowd)
	}
}

func TestTicks(t *testing.T) {
	texts := func(ticks []tick) (all []string) {
		for _, tick := range ticks {
			all = append(all, tick.text)
		}
		return all
	}
	for _, tt := range []struct {
		name string
		got  []tick
		want []string
	}{
		{"moments", timeTicks(3*time.Millisecond, 9), []string{"0", "1 ms", "2 ms", "3 ms"}},
		{"a second", timeTicks(1200*time.Millisecond, 5), []string{"0", "500 ms", "1 s"}},
		{"seconds", timeTicks(3*time.Second, 9), []string{"0", "500 ms", "1 s", "1.5 s", "2 s", "2.5 s", "3 s"}},
		{"past a minute", timeTicks(90*time.Second, 6), []string{"0", "20 s", "40 s", "1:00 min", "1:20 min"}},
		{"minutes", timeTicks(10*time.Minute, 6), []string{"0", "2 min", "4 min", "6 min", "8 min", "10 min"}},
		{"hours", timeTicks(100*time.Minute, 5), []string{"0", "30 min", "1 h", "1:30 h"}},
		{"days", timeTicks(3*day, 5), []string{"0", "1 d", "2 d", "3 d"}},
		{"years", timeTicks(800*day, 3), []string{"0", "273 d", "546 d"}},
		{"bytes", sizeTicks(100, 4), []string{"0", "32 B", "64 B", "96 B"}},
		{"sizes", sizeTicks(68*mib, 7), []string{"0", "16 MiB", "32 MiB", "48 MiB", "64 MiB"}},
		{"a core", plainTicks(1.06, 4), []string{"0", "0.5", "1"}},
		{"cores", plainTicks(17, 4), []string{"0", "5", "10", "15"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, texts(tt.got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSince(t *testing.T) {
	for at, want := range map[time.Duration]string{
		0: "0 ms", 9*time.Millisecond + 400*time.Microsecond: "9 ms", 2280 * time.Millisecond: "2.28 s", 3 * time.Second: "3 s",
		83 * time.Second: "1m23s", 2*time.Hour + 5*time.Minute: "2h5m", 7 * day: "7d0h",
	} {
		if got := since(at); got != want {
			t.Errorf("since(%v) = %q, want %q", at, got, want)
		}
	}
}
