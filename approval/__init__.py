"""Joint approval (工程建设项目联合审批): cases that came over the interface, through four stages."""
