"""The ministry's exchange of approval data (工程建设项目审批管理系统数据共享交换标准): tables from live data, checked row by row."""
