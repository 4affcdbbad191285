// SPDX-License-Identifier: Apache-2.0

package native

// Alive reports whether the supervisor of the attempt kept in dir lives and
// can be reached: then the attempt runs, or is just being cleaned up. It
// changes nothing. A supervisor needs a moment after its start.
func Alive(dir string) bool {
	conn, err := dialShim(dir)
	if err != nil {
		return false
	}
	_ = conn.Close() // the supervisor takes it for a reader that has gone
	return true
}
