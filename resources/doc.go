// SPDX-License-Identifier: Apache-2.0

// Package resources says what a task asks for, as flyte.Resources does, and what a cluster would make of it.
//
// It is pure: no host, no files, no clock. Values travel one way:
//
//	flags, YAML, JSON, a task template   ParseFlags, UnmarshalYAML, UnmarshalJSON, FromWire
//	             │
//	             ▼
//	         Resources                   what was written; Validate says what is wrong with it
//	             │  Complete(profile)    Flyte's fill-in and clamp rules
//	             ▼
//	          Demand                     request and limit of everything, and where each came from
//
// Two judges read a value. The SDK's own rules, in its own words, answer with *SDKError. Everything else that a
// cluster would refuse comes as *FieldError, and what it would take although a person would regret it, as Warning;
// both end with what to write instead.
//
// Quantities are parsed by k8s.io/apimachinery, so that "500m", "1.5Gi" and "12e6" mean exactly what they mean on
// a cluster; gopkg.in/yaml.v3 is here because it knows the line of every value.
//
// Begin with Resources, then Complete.
package resources
