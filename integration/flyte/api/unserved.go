// SPDX-License-Identifier: Apache-2.0

package api

import "strings"

// instead says what to do without a service, by the beginning of a method's
// name.
var instead = []struct{ prefix, advice string }{
	{"workflow.QueueService/", "; set _U_USE_ACTIONS=1 in the task's environment, as drydock does, and the SDK uses ActionsService"},
	{"workflow.StateService/", "; set _U_USE_ACTIONS=1 in the task's environment, as drydock does, and the SDK uses ActionsService"},
	{"trigger.TriggerService/", ": drydock runs no schedules; start runs with flyte run, from cron for example"},
	{"app.", ": drydock runs tasks, no apps"},
	{"secret.SecretService/", ": drydock takes secrets from its own configuration"},
	{"imagebuilder.", ": drydock builds no images; build them with image.builder: local"},
	{"workflow.TrackedRunService/", ": drydock keeps no runs that run elsewhere"},
	{"workflow.RunService/WatchGroups", "; use WatchRuns"},
	{"auth.AuthMetadataService/", ": drydock asks nobody who they are; connect with insecure: true"},
}

// unserved is the answer of a method that is not served, whether Flyte has it
// or not. method is without PathPrefix.
func unserved(method string) error {
	advice := ""
	for _, i := range instead {
		if strings.HasPrefix(method, i.prefix) {
			advice = i.advice
			break
		}
	}
	return unimplemented("drydock does not serve flyteidl2.%.200s%s", method, advice)
}
