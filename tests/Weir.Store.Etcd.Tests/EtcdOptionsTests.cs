// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Weir.Store.Etcd.Tests;

public sealed class EtcdOptionsTests
{
    private static readonly EtcdOptions _right = new() { Endpoints = ["https://10.0.0.10:2379", "http://[fd00::1]:2379/"], CaFile = "/ca", CertFile = "/cert", KeyFile = "/key", User = "weir", Password = "secret" };

    [Fact]
    public void RightOnes_HaveNoProblems_AndKeepTheirSecret()
    {
        Assert.Empty(_right.Problems());
        Assert.DoesNotContain("secret", $"{_right}", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("10.0.0.10:2379")]
    [InlineData("https://10.0.0.10:2379/v3")]
    [InlineData("https://weir:secret@10.0.0.10:2379")]
    [InlineData("tcp://10.0.0.10:2379")]
    [InlineData("")]
    public void WhatIsNoEndpoint_IsNamed(string endpoint) =>
        Assert.Contains($"\"{endpoint}\" is no endpoint", Assert.Single((_right with { Endpoints = ["https://a:1", endpoint] }).Problems()), StringComparison.Ordinal);

    [Fact]
    public void EveryProblem_IsTold()
    {
        EtcdOptions wrong = new() { Endpoints = [], CaFile = "/ca", KeyFile = "/key", User = "weir", Prefix = "weir", RequestTimeout = TimeSpan.FromMinutes(2) };
        StoreException e = Assert.Throws<StoreException>(() => EtcdKeyValues.Start(wrong, NullLogger.Instance));
        Assert.Equal(
            "the settings for etcd are wrong: no endpoint is named: give one as https://10.0.0.10:2379; /ca is for TLS, and no endpoint is https; the key /key has no certificate beside it; "
            + "the user weir has no password; the prefix \"weir\" must begin and end with \"/\", and name something between; a request time-out of 120 s is not between 0.1 and 60 s",
            e.Message);
        Assert.Equal("the endpoint http://a:1 is named 2 times", Assert.Single(new EtcdOptions { Endpoints = ["http://a:1", "http://A:1/"] }.Problems()));
    }
}
