// SPDX-License-Identifier: Apache-2.0
using Weir.Agent;
using Weir.Cli;
using Xunit;

namespace Weir.Tests;

/// <summary>Which calls are questions, and where those who may only ask are let in.</summary>
public sealed class CallerTests
{
    /// <summary>Whoever adds a call decides here: a change must not look like a question.</summary>
    [Fact]
    public void WhatChangesSomething_IsNoQuestion() => Assert.Equal(
        ["ApplyPolicy", "DeletePolicy", "UpdateService", "ApplyServices", "DeleteServices", "DrainBackend", "ChangePublish", "ChangePrefilter", "CreateNetwork", "DeleteNetwork", "ForgetNode"],
        Api.Agent.Descriptor.Methods.Concat(Api.Replay.Descriptor.Methods).Concat(Api.Measurements.Descriptor.Methods).Select(method => method.Name).Where(name => !CallerRights.IsQuestion(name)).Order(new AsInTheFile()));

    [Theory]
    [InlineData("/run/weir/weir.sock", "/run/weir/weir-read.sock")]
    [InlineData("/run/x", "/run/x-read")]
    [InlineData("a.sock", "a-read.sock")]
    public void ReadersSocket_IsBesideTheOther(string socket, string readers) => Assert.Equal(readers, AgentSocket.ReadersOf(socket));

    private sealed class AsInTheFile : IComparer<string>
    {
        private readonly List<string> _order = [.. Api.Agent.Descriptor.Methods.Select(method => method.Name)];

        public int Compare(string? x, string? y) => _order.IndexOf(x!).CompareTo(_order.IndexOf(y!));
    }
}
