// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"drydock/executor"
	"drydock/resources"
)

// maxMessage bounds what a parent and every watcher gets to read, in bytes.
const maxMessage = 64 << 10

// The end of a log that a message carries.
const (
	tailLines = 20
	tailBytes = 4 << 10
)

// sentence is the verdict with what to do about it.
func (e evidence) sentence() string {
	return strings.Join(append([]string{e.result.Verdict.Message}, hints(e.result.Verdict)...), "; ")
}

// failedMessage is the sentence and the end of the log.
func (e evidence) failedMessage() string {
	text := e.sentence()
	if last := e.last(); last != nil && last.Outcome.Exit != nil {
		switch last.Outcome.Exit.Code {
		case 126:
			text += "; that is how a shell says that a program could not be run: look whether it is executable"
		case 127:
			text += "; that is how a shell says that a program was not found: look at PATH, and at what the task's image " + e.imageHas()
		}
		text += e.unreached()
		if e.image != "" && wrongProcessor(last.Outcome.Tail) {
			text += e.otherProcessor()
		}
	}
	return text + e.tail()
}

// tail is the end of the task's output, as the end of a message.
func (e evidence) tail() string {
	last := e.last()
	if last == nil {
		return ""
	}
	text := strings.TrimRight(last.Outcome.Tail, "\n")
	if len(text) > tailBytes {
		text = text[len(text)-tailBytes:]
		if _, rest, ok := strings.Cut(text, "\n"); ok {
			text = rest // begin with a whole line
		}
	}
	lines := strings.Split(text, "\n")
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	if text = strings.Join(lines, "\n"); strings.TrimSpace(text) == "" {
		return ""
	}
	return "\nThe end of its output:\n" + text
}

// oomMessage says all that a person needs to act on an out-of-memory: the
// limit and where it came from, the peak, the victim, and what to paste.
func (e evidence) oomMessage() string {
	v := e.result.Verdict
	var facts []string
	if last := e.last(); last != nil {
		facts = append(facts, "the limit is "+limitOrigin(last.Demand.Memory, e.profile))
	}
	if r := v.OOM; r != nil {
		if r.Peak > 0 {
			facts = append(facts, "peak "+resources.FormatSizeHuman(r.Peak))
		}
		if r.Victim != nil && r.Victim.RSS > 0 {
			facts = append(facts, "the killed process had "+resources.FormatSizeHuman(r.Victim.RSS))
		}
	}
	text := v.Message
	if len(facts) > 0 {
		text += " (" + strings.Join(facts, "; ") + ")"
	}
	if r := v.OOM; r != nil && e.program && r.Limit > 0 && r.Limit < sdkFloor {
		text += "; " + underFloor(r.Limit)
	}
	return strings.Join(append([]string{text}, hints(v)...), "; ")
}

// limitOrigin says where a memory limit came from.
func limitOrigin(a resources.Allotment, profile string) string {
	if profile == "" {
		profile = "default"
	}
	asked := a.RequestOrigin == resources.Asked || a.RequestOrigin == resources.Override
	switch {
	case a.LimitOrigin == resources.Clamped:
		return fmt.Sprintf("the most that profile %s allows", profile)
	case a.LimitOrigin == resources.Default && asked:
		return "the request, since no limit was asked for"
	case a.LimitOrigin == resources.Default:
		return fmt.Sprintf("the default of profile %s, since the task asks for no memory", profile)
	}
	return "the one that was asked for"
}

// refusedMessage is the executor's reason with a remedy for people who write
// Python, not command lines.
func (e evidence) refusedMessage() string {
	refused, ok := errors.AsType[*executor.RefusedError](e.err)
	if !ok || !strings.Contains(refused.Remedy, "--") || strings.Contains(refused.Reason, refused.Remedy) {
		return inPython(e.result.Verdict.Message)
	}
	return fmt.Sprintf("%s; ask for less, or only limit it above what the machine has: the first of a pair is what has to be free, as in .override(resources=flyte.Resources(cpu=(1, 4), memory=(\"1Gi\", \"4Gi\")))", refused.Reason)
}

// hints are a verdict's, in Python's words.
func hints(v executor.Verdict) []string {
	var all []string
	for _, hint := range v.Hints {
		all = append(all, inPython(hint))
	}
	return all
}

// Words of drydock's command line in sentences of the executor's.
var (
	childFlag    = regexp.MustCompile(`; --child-oom=\S+ makes this a warning`)
	resourceFlag = regexp.MustCompile(`--(cpu|memory|gpu|disk|shm|timeout)([^-\w]|$)`)
	upFlag       = regexp.MustCompile(`--(gpu-(?:missing|substitute))\b`) // whoever serves gives them
)

// inPython puts a sentence that speaks of drydock's command line into the
// words of somebody who writes Flyte tasks.
func inPython(text string) string {
	text = childFlag.ReplaceAllString(text, "")
	text = resourceFlag.ReplaceAllString(text, "$1=$2")
	text = upFlag.ReplaceAllString(text, "drydock up --$1")
	return inOverride(text)
}

// inOverride wraps the resources that a sentence offers into the call that
// gives them to a task.
func inOverride(text string) string {
	const call = "flyte.Resources("
	var out strings.Builder
	for {
		i := strings.Index(text, call)
		if i < 0 {
			return out.String() + text
		}
		end := i + len(call)
		for open := 1; end < len(text) && open > 0; end++ {
			switch text[end] {
			case '(':
				open++
			case ')':
				open--
			}
		}
		before := text[:i]
		out.WriteString(before)
		if strings.HasSuffix(before, "resources=") {
			out.WriteString(text[i:end])
		} else {
			out.WriteString(".override(resources=" + text[i:end] + ")")
		}
		text = text[end:]
	}
}

// shorten bounds a message, keeping both ends: a traceback says what happened
// in its last lines, and its first ones say where it began. What is no UTF-8
// cannot be sent.
func shorten(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= most {
		return text
	}
	head, tail := text[:most/4], text[len(text)-most*5/8:]
	for !utf8.ValidString(head) {
		head = head[:len(head)-1]
	}
	for !utf8.ValidString(tail) {
		tail = tail[1:]
	}
	return fmt.Sprintf("%s\n… %d bytes left out …\n%s", head, len(text)-len(head)-len(tail), tail)
}
