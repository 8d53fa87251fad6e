// SPDX-License-Identifier: Apache-2.0
using Weir.Control.State;
using Weir.Control.Tests.Model;
using Weir.Control.Watch;
using Weir.Linux;
using Weir.Policy;
using Xunit;

namespace Weir.Control.Tests;

public sealed class ReconcilerTests : IDisposable
{
    private readonly Rig _rig = new();

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void EndpointThatFails_KeepsNoOtherWaiting_SaysWhy_AndIsTriedAgainLaterAndLater()
    {
        _rig.Join(0);
        Endpoint broken = _rig.Endpoints.Single();
        _rig.LoseProgram(broken);
        _rig.Host.Links[broken.LinkName] = 999; // somebody made it anew

        ControlException told = Assert.Throws<ControlException>(() => _rig.Reconciler.AttachAgain(broken.Id));
        _rig.Join(0);

        Assert.Contains("ENODEV", told.Message, StringComparison.Ordinal);
        Assert.True(_rig.Host.IsEndpointWhole(_rig.Endpoints[1].Id, _rig.Endpoints[1].Ifindex));
        Expectation undone = Assert.Single(_rig.Reconciler.Undone());
        Assert.Equal(broken.Id, undone.Endpoint);
        Assert.EndsWith(Assert.Throws<ControlException>(undone.MakeSo).Message, told.Message, StringComparison.Ordinal);

        _rig.Host.Links[broken.LinkName] = broken.Ifindex;
        Assert.Throws<ControlException>(undone.MakeSo); // not yet time
        _rig.Pass(TimeSpan.FromSeconds(30));
        undone.MakeSo();

        Assert.Empty(_rig.Reconciler.Undone());
        _rig.CheckWhole();
    }

    [Fact]
    public void PolicyThatTheKernelRefuses_LeavesTheOneBefore_InWorldKernelAndRecords()
    {
        _rig.Join(0);
        _rig.Identify(_rig.Endpoints[0], LabelSet.Parse("container:role=api"));
        PolicySet before = _rig.Policy;

        for (int effect = 1; effect < 12; effect++)
        {
            _rig.Host.Arm(failAt: effect, endAt: 0);
            Exception? refusal = Record.Exception(() => _rig.Enforce(History.SomePolicy));
            _rig.Host.Arm(0, 0);
            if (refusal is not null)
            {
                Assert.True(refusal is ControlException or LinuxException, $"{refusal}");
                Assert.Same(before, _rig.Policy);
            }

            _rig.Mend();
            _rig.CheckWhole();
            _rig.Start();
            _rig.CheckWhole();
            Assert.Equal(refusal is null, _rig.Policy.Documents.Count > 0);
            _rig.Enforce(PolicySet.Empty);
            before = _rig.Policy;
        }
    }

    [Fact]
    public void AgentThatEndsAnywhereInAJoin_LeavesNothingThatTheNextDoesNotRemoveOrFinish()
    {
        for (int effect = 1; effect < 12; effect++)
        {
            using var rig = new Rig();
            rig.Host.Arm(0, endAt: effect);
            bool ended = Record.Exception(() => rig.Join(0)) is AgentEnds;
            rig.Host.Arm(0, 0);
            rig.Start();
            rig.Mend();
            rig.CheckWhole();
            Assert.True(ended || rig.Endpoints.Single().State == EndpointState.Init);
        }
    }
}
