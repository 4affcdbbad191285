// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"strings"
	"testing"
)

func TestRunnerSeesWhatIsWrong(t *testing.T) {
	const good = `lines; exit 3`
	for _, tc := range []struct {
		name, script, scenario, want string
	}{
		{"all is well", good, `{}`, ""},
		{"wrong verdict", good, `{"expect":{"verdict":"oom"}}`, `verdict is "failed"`},
		{"wrong exit", `lines; exit 4`, `{"expect":{"exit":4}}`, "exit_code is 3, but drydock ended with 4"},
		{"killed", `lines; kill -9 $$`, `{"expect":{"exit":137}}`, "drydock ended with 137"},
		{"no ended", `exit 3`, `{}`, "there is no ended document"},
		{"no ended is fine", `exit 3`, `{"expect":{"ended":"optional","exit":3}}`, ""},
		{"two ended", `lines; lines | tail -1; exit 3`, `{}`, "2 ended lines"},
		{"ended is not last", `lines; lines | head -1; exit 3`, `{}`, "not the last line"},
		{"not JSON", `echo hello; lines; exit 3`, `{}`, "line 1 is not a JSON object"},
		{"no time", `echo '{"type":"queued"}'; lines; exit 3`, `{}`, "line 1 has no time"},
		{"local time", `lines | sed 's/05Z/05+01:00/'; exit 3`, `{}`, "not RFC 3339 in UTC"},
		{"no version", `lines | sed 's/"version":1,//'; exit 3`, `{}`, "has no version"},
		{"no attempts", `lines | sed 's/"attempts":.*]/"attempts":[]/'; exit 3`, `{}`, "has no attempts"},
		{"left process", `lines; sleep 63 >/dev/null 2>&1 & exit 3`, `{}`, "left behind: process"},
		{"own session", `lines; setsid sleep 63 >/dev/null 2>&1 & exit 3`, `{}`, "left behind: process"},
		{"hang", `exec sleep 64`, `{"hang":0.3,"expect":{"ended":"optional"}}`, "hung"},
		{"too slow", `sleep 0.2; ` + good, `{"expect":{"seconds":0.1}}`, "seconds is"},
		{"every round", `echo x >> $STATE; [ $(wc -l < $STATE) = 3 ] && exit 3; ` + good, `{"rounds":3}`, "round 3: "},
		{"plain result", `while [ "$1" != --result ]; do shift; done; lines | tail -1 > "$2"; echo raw; exit 3`,
			`{"mode":"plain","expect":{"verdict":"failed","stdout":"raw\n"}}`, ""},
		{"plain without result", `exit 3`, `{"mode":"plain"}`, "no ended document"},
		{"hostile write", `echo bad > $6; ` + good, `{"cmd":["{canary}/file"],"limits":{"memory":"1Mi"},"expect":{"host_file":{"{canary}/file":"untouched\n"}}}`, "host_file"},
		{"signal from outside", `trap 'lines; exit 3' TERM; while :; do sleep 0.05; done`,
			`{"outside":[{"after":0.2,"signal":"TERM","target":"drydock"}]}`, ""},
		{"signal to main", `tail -f /dev/null $4 >/dev/null 2>&1; lines; exit 3`,
			`{"cmd":["{token}"],"hang":10,"outside":[{"after":0.1,"signal":"KILL","target":"main"}]}`, ""},
		{"signal too late", good, `{"outside":[{"after":9,"signal":"TERM","target":"drydock"}]}`, "ended before TERM"},
		{"missing program", good, `{"files":["py/nowhere.py"]}`, "no such file"},
		{"missing source", good, `{"build":["c/nowhere.c"]}`, "no such file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("STATE", t.TempDir()+"/state")
			report := fake(t, tc.script).Run(scenario(t, tc.scenario))
			if strings.Contains(tc.name, "round") {
				report.Problems = report.Problems[:min(1, len(report.Problems))]
			}
			wantProblem(t, report, tc.want)
		})
	}
}

func TestRunnerSkips(t *testing.T) {
	report := fake(t, "exit 0").Run(scenario(t, `{"needs":["no-such-program-anywhere"]}`))
	if report.Missing == nil || report.Missing.Facility != "no-such-program-anywhere" {
		t.Errorf("want a skip that names the program, got %+v", report)
	}
}

func TestLaunch(t *testing.T) {
	for _, tc := range []struct{ name, scenario, script string }{
		{"score", `{"launch":{"oom_score_adj":777}}`, `[ $(cat /proc/self/oom_score_adj) = 777 ]`},
		{"deleted cwd", `{"launch":{"cwd":"deleted"}}`, `readlink /proc/self/cwd | grep -q deleted`},
		{"env", `{"env":{"ONE":"a\nb"}}`, `[ "$ONE" = "$(printf 'a\nb')" ]`},
		{"many", `{"env_many":{"ZOO_":300}}`, `[ $ZOO_299 = 299 ] && [ -z "$ZOO_300" ]`},
		{"empty stdin", `{}`, `[ -z "$(cat)" ]`},
		{"stdin", `{"stdin":"hello"}`, `[ "$(cat)" = hello ]`},
		{"stdin hex", `{"stdin":{"hex":"6162","times":100000}}`, `[ $(wc -c) = 200000 ]`},
		{"hex word", `{"cmd":[{"hex":"6162"}]}`, `[ "$4" = ab ]`},
		{"long word", `{"cmd":[{"repeat":["a",1000]}]}`, `[ ${#4} = 1000 ]`},
		{"words", `{"cmd":[{"words":["a",1000]}]}`, `[ $# = 1003 ]`},
		{"limits", `{"limits":{"memory":"1Mi","cpu":"1"},"flags":["--quiet"]}`,
			`[ "$*" = "run --cpu 1 --memory 1Mi --quiet --json -- true" ]`},
		{"cwd", `{"cmd":["{cwd}"]}`, `[ "$4" = "$PWD" ] && [ "$4" = "$(pwd -P)" ]`},
		{"link", `{"links":{"there":"/etc/passwd"}}`, `[ "$(readlink there)" = /etc/passwd ]`},
		{"nproc", `{"cmd":["{nproc}"]}`, `[ "$4" = "$(nproc)" ]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			script := tc.script + ` || { echo "wrong: $*" >&2; exit 9; }; lines; exit 3`
			report := fake(t, script).Run(scenario(t, tc.scenario))
			if wantProblem(t, report, ""); t.Failed() {
				t.Log(report.Notes)
			}
		})
	}
}
