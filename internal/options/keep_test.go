// SPDX-License-Identifier: Apache-2.0

package options

import (
	"strings"
	"testing"
)

func TestKeep(t *testing.T) {
	text := func(v any, err error) string {
		if err != nil {
			return "error: " + err.Error()
		}
		return "ok"
	}
	check := map[string]func(string) string{
		"log size":     func(s string) string { return text(LogSize(s)) },
		"log files":    func(s string) string { return text(LogFiles(s)) },
		"retain for":   func(s string) string { return text(RetainFor(s)) },
		"retain tasks": func(s string) string { return text(RetainTasks(s)) },
		"retain size":  func(s string) string { return text(RetainSize(s)) },
	}
	for _, tc := range []struct{ what, in, want string }{
		{"log size", "10Mi", "ok"}, {"log size", "1Mi", "ok"}, {"log size", "1023Ki", "1Mi or more"}, {"log size", "1Ki", "did you mean"}, {"log size", "big", "big"},
		{"log files", "2", "ok"}, {"log files", "1", "2 to 1000"}, {"log files", "x", "2 to 1000"},
		{"retain for", "off", "ok"}, {"retain for", "720h", "ok"}, {"retain for", "-1h", "or off"}, {"retain for", "", "or off"},
		{"retain tasks", "off", "ok"}, {"retain tasks", "1", "ok"}, {"retain tasks", "0", "1 or more, off"},
		{"retain size", "off", "ok"}, {"retain size", "", "ok"}, {"retain size", "1Gi", "ok"}, {"retain size", "0", "20Gi, off"}, {"retain size", "x", "or off"},
	} {
		if got := check[tc.what](tc.in); !strings.Contains(got, tc.want) || (tc.want == "ok") != (got == "ok") {
			t.Errorf("%s %q: %s, want %s", tc.what, tc.in, got, tc.want)
		}
	}
	if size, err := RetainSize(""); err != nil || size == nil || *size != 0 {
		t.Errorf("the usual size: %v, %v", size, err)
	}
}
