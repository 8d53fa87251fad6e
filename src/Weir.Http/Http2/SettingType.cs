// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Http2;

/// <summary>RFC 9113 §6.5.2, RFC 8441 §3, RFC 9218 §2.1.</summary>
public enum SettingType : ushort
{
    None = 0,
    HeaderTableSize = 1,
    EnablePush = 2,
    MaxConcurrentStreams = 3,
    InitialWindowSize = 4,
    MaxFrameSize = 5,
    MaxHeaderListSize = 6,
    EnableConnectProtocol = 8,
    NoPriorities = 9,
}
