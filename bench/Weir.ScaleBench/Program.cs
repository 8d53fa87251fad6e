// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Weir.ScaleBench;

// replay.sh calls this with "replay", a folder and a number of flows; scale.sh with ETCD NODES ENDPOINTS AGENTS STARTS. It prints figures, then "ready", and stays until its input ends, so that a
// real agent can be measured in the cluster that it makes.
if (args is ["replay", var folder, var flows])
{
    return ReplayBench.Run(folder, int.Parse(flows, CultureInfo.InvariantCulture));
}

int Number(int i) => int.Parse(args[i], CultureInfo.InvariantCulture);
await using var cluster = new SimulatedCluster(new Uri(args[0]), nodes: Number(1), endpoints: Number(2), agents: Number(3));
await cluster.MakeAsync();
await cluster.MeasureAsync(starts: Number(4));
Console.WriteLine("ready");
while (await Console.In.ReadLineAsync() is { } command)
{
    // Told by the script: a container starts somewhere. When it was known to the real agent, the script sees itself.
    Console.WriteLine(await cluster.StartOneAsync(command));
}

return 0;
