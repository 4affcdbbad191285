// SPDX-License-Identifier: Apache-2.0

package limits

import "drydock/sandbox"

// Limits is sandbox.Limits. The type lives there, so that a supervisor that
// only reads numbers does not carry the parsers of this package.
type Limits = sandbox.Limits
