// SPDX-License-Identifier: Apache-2.0

package native

// GroupBase is groupBase for tests.
var GroupBase = groupBase
