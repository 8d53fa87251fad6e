// SPDX-License-Identifier: Apache-2.0
using Weir.Agent.Bundle;
using Xunit;

namespace Weir.Tests;

/// <summary>What a bundle leaves out.</summary>
public sealed class SecretsTests
{
    [Theory]
    [InlineData("headers: [\"X-Token: planted\"]")]
    [InlineData("  - headers:\n      - \"X-My: planted\"\n      - X-Other: planted\n    method: GET")]
    [InlineData("headerMatches: [{name: Authorization, value: \"Bearer planted\", mismatch: LOG}]")]
    [InlineData("- name: X-Key\n  value: planted and more")]
    [InlineData("Authorization: Bearer planted")]
    [InlineData("authorization=planted next")]
    [InlineData("cluster-password: planted")]
    [InlineData("{\"api_key\": \"planted\"}")]
    [InlineData("endpoints: https://user:planted@10.0.0.1:2379")]
    [InlineData("cookie: a=planted; b=planted")]
    public void Text_HasNoSecrets(string text)
    {
        string masked = Secrets.MaskText(text);
        Assert.DoesNotContain("planted", masked, StringComparison.Ordinal);
        Assert.Contains(Secrets.LeftOut, masked, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"headers": ["X-My: planted"]}""")]
    [InlineData("""[{"headerMatches": [{"name": "X-My", "value": "planted"}]}]""")]
    [InlineData("""{"password": "planted"}""")]
    [InlineData("""{"text": "  headers:\n    - \"X-My: planted\"\n"}""")]
    [InlineData("""{"text": "headerMatches:\n- name: X\n  value: planted\n"}""")]
    [InlineData("""{"password": "planted" """)]
    public void Json_HasNoSecrets(string json)
    {
        string masked = Secrets.MaskJson(json);
        Assert.DoesNotContain("planted", masked, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("metrics-token-file: /etc/weir/token")]
    [InlineData("web (10.210.0.2:40000) → api (10.210.0.3:80) 80/tcp ingress at api: policy denied")]
    [InlineData("fromEndpoints: [{matchLabels: {role: web}}]\nheaders:\nport: 80")]
    [InlineData("https://10.0.0.1:2379")]
    public void WhatIsNoSecret_Stays(string text) => Assert.Equal(text, Secrets.MaskText(text));
}
