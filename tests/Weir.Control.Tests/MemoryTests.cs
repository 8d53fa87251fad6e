// SPDX-License-Identifier: Apache-2.0
using Weir.Control.Tests.Model;
using Weir.Policy;
using Xunit;

namespace Weir.Control.Tests;

/// <summary>Of tests that measure the process: no other runs meanwhile.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

[Collection(nameof(Alone))]
public sealed class MemoryTests : IDisposable
{
    private readonly Rig _rig = new();

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void ManyApplies_LeaveTheMemoryWhereItWas()
    {
        const int MuchText = 500_000; // bytes of a policy
        _rig.Join(0);
        _rig.Identify(_rig.Endpoints[0], LabelSet.Parse("container:role=api"));
        Apply(20);
        long before = GC.GetTotalMemory(forceFullCollection: true);

        Apply(200);

        long grown = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.True(grown < 20 * MuchText, $"{grown} bytes more after 200 policies of {MuchText} bytes each");

        void Apply(int times)
        {
            for (int i = 0; i < times; i++)
            {
                PolicyReadResult read = PolicyReader.Read("big.yaml", $$$"""
                    apiVersion: cilium.io/v2
                    kind: CiliumNetworkPolicy
                    metadata: {name: big}
                    spec:
                      description: {{{new string('x', MuchText)}}}{{{i}}}
                      endpointSelector: {matchLabels: {role: api}}
                      ingress: [{fromCIDR: [10.{{{i}}}.0.0/16]}]
                    """);
                Assert.False(read.HasErrors, string.Join("; ", read.Problems.Take(1)));
                _rig.Enforce(PolicySet.Empty.With(read.Documents));
                _rig.CheckWhole(); // and the rig forgets
            }
        }
    }
}
