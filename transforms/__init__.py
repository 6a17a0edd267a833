"""The stages, for anybody's Beam pipeline.

    from transforms import ReadXML, ParseDoFn, MapDoFn, GroupIntoBatches, BulkInsertDoFn

Everything that is public is named here; what is below may change.
"""

from transforms.batch import GroupIntoBatches as GroupIntoBatches
from transforms.insert import DUPLICATE_KEY as DUPLICATE_KEY
from transforms.insert import BulkInsertDoFn as BulkInsertDoFn
from transforms.insert import LoadError as LoadError
from transforms.insert import LoadPolicy as LoadPolicy
from transforms.insert import Run as Run
from transforms.insert import SettleDoFn as SettleDoFn
from transforms.insert import Target as Target
from transforms.insert import TargetError as TargetError
from transforms.insert import begin_run as begin_run
from transforms.insert import counters_of_tally as counters_of_tally
from transforms.insert import end_run as end_run
from transforms.insert import open_database as open_database
from transforms.insert import prepare_target as prepare_target
from transforms.insert import settle as settle
from transforms.insert import writers as writers
from transforms.map import MapDoFn as MapDoFn
from transforms.map.contract import Contract as Contract
from transforms.map.document import ContractError as ContractError
from transforms.map.load import load_contract as load_contract
from transforms.map.load import parse_contract as parse_contract
from transforms.map.reach import reach_of as reach_of
from transforms.map.tables import schema_of as schema_of
from transforms.metrics import NAMESPACE as NAMESPACE
from transforms.metrics import SKIPPED as SKIPPED
from transforms.metrics import counted as counted
from transforms.names import RecordPath as RecordPath
from transforms.parse import ParseDoFn as ParseDoFn
from transforms.read import SPLIT_BYTES as SPLIT_BYTES
from transforms.read import InputError as InputError
from transforms.read import KeyRange as KeyRange
from transforms.read import Loaded as Loaded
from transforms.read import ReadRanges as ReadRanges
from transforms.read import ReadResult as ReadResult
from transforms.read import ReadSplits as ReadSplits
from transforms.read import ReadXML as ReadXML
from transforms.read import ReadXMLColumn as ReadXMLColumn
from transforms.read import SourceFile as SourceFile
from transforms.read import Split as Split
from transforms.read import XmlColumn as XmlColumn
from transforms.read import changed_at as changed_at
from transforms.read import check_column as check_column
from transforms.read import expand as expand
from transforms.read import fetch_document as fetch_document
from transforms.read import fetch_payload as fetch_payload
from transforms.read import input_bytes as input_bytes
from transforms.read import plan_ranges as plan_ranges
from transforms.read import plan_splits as plan_splits
from transforms.read import read_range as read_range
from transforms.read import read_split as read_split
from transforms.read import unpack as unpack
from transforms.records import REJECTS as REJECTS
from transforms.records import BatchResult as BatchResult
from transforms.records import Context as Context
from transforms.records import MappedRecord as MappedRecord
from transforms.records import ParsedRecord as ParsedRecord
from transforms.records import Reject as Reject
from transforms.records import XmlRecord as XmlRecord
from transforms.rejects import WriteRejects as WriteRejects
from transforms.rejects import write_rejects as write_rejects
from transforms.schema import Schema as Schema
