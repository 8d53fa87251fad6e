// SPDX-License-Identifier: Apache-2.0

namespace Weir.Bpf.Interop;

/// <summary>enum bpf_cmd.</summary>
internal enum BpfCommand
{
    MapCreate = 0,
    MapLookup = 1,
    MapUpdate = 2,
    MapDelete = 3,
    MapGetNextKey = 4,
    ProgramLoad = 5,
    ObjectPin = 6,
    ObjectGet = 7,
    ProgramTestRun = 10,
    MapGetFdById = 14,
    ObjectGetInfo = 15,
    ProgramQuery = 16,
    BtfGetFdById = 19,
    MapLookupBatch = 24,
    MapUpdateBatch = 26,
    MapDeleteBatch = 27,
    LinkCreate = 28,
    LinkUpdate = 29,
    IteratorCreate = 33,
    LinkDetach = 34,
}
