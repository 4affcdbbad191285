// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"drydock/internal/state"
)

// lastTask is the word for the newest task.
const lastTask = "last"

// nearTasks is how many ids a refusal names.
const nearTasks = 3

// findTask returns the id of the task that a word means: an id, the beginning
// of exactly one, or lastTask. Ids are upper case, words need not be.
func findTask(stateDir, word string) (string, error) {
	ids, err := taskIDs(stateDir)
	if err != nil {
		return "", err
	}
	if len(ids) == 0 {
		return "", usagef("drydock run makes one; another user's lie elsewhere (sudo, --state-dir)", "there is no task in %s yet", stateDir)
	}
	if strings.EqualFold(word, lastTask) {
		return ids[len(ids)-1], nil
	}
	prefix := strings.ToUpper(word)
	var found []string
	for _, id := range ids {
		if strings.HasPrefix(id, prefix) {
			found = append(found, id)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return "", usagef("did you mean "+strings.Join(nearestTasks(ids, prefix), " or ")+"? last is the newest",
			"there is no task %s in %s", shellQuote(word), stateDir)
	}
	newest := slices.Clone(found[max(0, len(found)-nearTasks):])
	slices.Reverse(newest)
	more := ""
	if len(found) > nearTasks {
		more = " …"
	}
	return "", usagef(fmt.Sprintf("write more of one: %s%s", strings.Join(newest, " "), more), "%d tasks begin with %s", len(found), shellQuote(word))
}

// taskIDs are all tasks', the oldest first. A directory that is not there yet
// has none, and is not made by looking.
func taskIDs(stateDir string) ([]string, error) {
	if _, err := os.Stat(stateDir); os.IsNotExist(err) {
		return nil, nil
	}
	dir, err := state.Open(stateDir)
	if err != nil {
		return nil, err
	}
	return dir.TaskIDs()
}

// nearestTasks are the ids whose beginnings are most like a mistyped one; of
// equals the newest.
func nearestTasks(ids []string, word string) []string {
	type candidate struct {
		id    string
		wrong int
	}
	var all []candidate
	for i := len(ids) - 1; i >= 0; i-- {
		all = append(all, candidate{ids[i], editDistance(ids[i][:min(len(ids[i]), len(word))], word)})
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.wrong, b.wrong) })
	var nearest []string
	for _, c := range all {
		if len(nearest) < nearTasks && c.wrong <= all[0].wrong+1 {
			nearest = append(nearest, c.id)
		}
	}
	return nearest
}

// newestTasks are ids to propose for a word, the newest first, as far as they
// can be known without a flag.
func newestTasks(w World) []string {
	const most = 20
	settings, err := loadSettings(w, "", nil)
	if err != nil {
		return nil
	}
	ids, err := taskIDs(settings.Get("state_dir").Text)
	if err != nil {
		return nil
	}
	newest := slices.Clone(ids[max(0, len(ids)-most):])
	slices.Reverse(newest)
	return newest
}
