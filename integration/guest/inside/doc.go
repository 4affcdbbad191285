// SPDX-License-Identifier: Apache-2.0

// Package inside holds tests that make sense in a machine of their own only:
// package guest runs them there. Anywhere else there are none.
package inside
