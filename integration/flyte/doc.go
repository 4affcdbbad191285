// SPDX-License-Identifier: Apache-2.0

// Package flyte is the Flyte 2 endpoint: one port on which an unmodified SDK
// finds its API, its object storage and its console.
//
// Begin with New, which takes the state directory and the port, and Serve.
// What a run is, is package engine's; the wire is package api's, the objects
// are package objects', and how an attempt becomes a sandbox is package
// launch's. This package puts them together and decides who may connect.
package flyte
